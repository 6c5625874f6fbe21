package haproxy

import (
	"bufio"
	"net"
	"strings"
)

// levels orders what a socket allows.
var levels = map[string]int{"user": 0, "operator": 1, "admin": 2}

// serveSocket speaks the runtime API: one line of commands, the answers, the end.
func (b *Balancer) serveSocket(c net.Conn, level string) {
	if b.options.Faults.Down() {
		return
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return
	}
	for _, command := range splitCommands(strings.TrimRight(line, "\r\n")) {
		if b.options.Faults.Refuse(b.ctx) {
			return
		}
		answer, changed := b.execute(command, level)
		if changed && b.options.Faults.Lose() {
			return
		}
		if _, err := c.Write([]byte(answer)); err != nil {
			return
		}
	}
}

// splitCommands cuts a line at semicolons that no backslash protects.
func splitCommands(line string) []string {
	var commands []string
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '\\' && i+1 < len(line):
			i++
			b.WriteByte(line[i])
		case line[i] == ';':
			commands = append(commands, b.String())
			b.Reset()
		default:
			b.WriteByte(line[i])
		}
	}
	return append(commands, b.String())
}

// Do runs one command with the rights of admin, as a person at the socket would. For tests and tools of the sandbox.
func (b *Balancer) Do(command string) string {
	answer, _ := b.execute(command, "admin")
	return answer
}

// order is a command of the socket.
type order struct {
	prefix  string
	level   string
	changes bool
	run     func(b *Balancer, args []string) string
}

func orders() []order {
	return []order{
		{"show info", "user", false, (*Balancer).showInfo},
		{"show version", "user", false, func(*Balancer, []string) string { return Version + "\n" }},
		{"show backend", "user", false, (*Balancer).showBackend},
		{"show stat", "user", false, (*Balancer).showStat},
		{"show servers state", "user", false, (*Balancer).showState},
		{"show servers conn", "user", false, (*Balancer).showConn},
		{"add server", "admin", true, (*Balancer).addServer},
		{"del server", "admin", true, (*Balancer).delServer},
		{"set server", "admin", true, (*Balancer).setServer},
		{"set weight", "admin", true, func(b *Balancer, a []string) string {
			return b.setServer(append([]string{first(a), "weight"}, rest(a)...))
		}},
		{"get weight", "user", false, (*Balancer).getWeight},
		{"enable health", "admin", true, func(b *Balancer, a []string) string { return b.enableHealth(first(a), true) }},
		{"disable health", "admin", true, func(b *Balancer, a []string) string { return b.enableHealth(first(a), false) }},
		{"enable server", "admin", true, func(b *Balancer, a []string) string { return b.setServer([]string{first(a), "state", "ready"}) }},
		{"disable server", "admin", true, func(b *Balancer, a []string) string { return b.setServer([]string{first(a), "state", "maint"}) }},
		{"shutdown sessions server", "admin", true, (*Balancer).shutdownSessions},
	}
}

func first(a []string) string {
	if len(a) == 0 {
		return ""
	}
	return a[0]
}

func rest(a []string) []string {
	if len(a) == 0 {
		return nil
	}
	return a[1:]
}

// execute runs a command. The answer ends with an empty line, as HAProxy's do.
func (b *Balancer) execute(command, level string) (answer string, changed bool) {
	fields := strings.Fields(command)
	if len(fields) == 3 && strings.Join(fields, " ") == "show cli level" {
		return level + "\n\n", false
	}
	for _, o := range orders() {
		words := strings.Fields(o.prefix)
		if len(fields) < len(words) || strings.Join(fields[:len(words)], " ") != o.prefix {
			continue
		}
		if levels[level] < levels[o.level] {
			return "Permission denied\n\n", false
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		text := o.run(b, fields[len(words):])
		return text + "\n", o.changes
	}
	return "Unknown command. Please enter one of the following commands only:\n  add server <bk>/<srv>                   : create a new server\n\n", false
}
