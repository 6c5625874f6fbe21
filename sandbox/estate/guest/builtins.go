package guest

import "maps"

// builtins are the emulated commands, by name. A package's commands are among them and appear when it is installed.
func builtins() map[string]Command {
	all := map[string]Command{}
	for _, group := range []map[string]Command{
		shellCommands(), fileCommands(), lookCommands(), textCommands(), streamCommands(), archiveCommands(),
		processCommands(), accountCommands(), settingCommands(), packageCommands(), serviceCommands(), diskCommands(), growCommands(),
		mountCommands(), networkCommands(),
	} {
		maps.Copy(all, group)
	}
	return all
}
