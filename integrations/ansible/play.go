package ansible

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"

	"fermata/activities/configuration"
	"fermata/activities/fault"
	"fermata/activities/operation"
)

var tagForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)

func numbered(n int, name string) string { return fmt.Sprintf("task %d: %s", n, name) }

// arguments are those that every run of a play has.
func (m *room) arguments(p configuration.Play) ([]string, error) {
	book, err := playbook(m.path("project"), p.Playbook)
	if err != nil {
		return nil, err
	}
	args := []string{"-i", m.path("inventory.json")}
	for _, tag := range p.Tags {
		if !tagForm.MatchString(tag) {
			return nil, bad("tag %q: expected letters, digits, dots, dashes and underscores", tag)
		}
	}
	if len(p.Tags) > 0 {
		args = append(args, "--tags", strings.Join(p.Tags, ","))
	}
	return append(args, book), nil
}

// planned is the host that a playbook is read for, before there is one.
var planned = configuration.Host{Name: "planned", Address: "192.0.2.1"} //nolint:gochecknoglobals // A constant; RFC 5737.

// taskLine is how --list-tasks writes a task.
var taskLine = regexp.MustCompile(`(?m)^ {6}(\S.*?)\tTAGS: \[`)

// Describe reads the playbook, with all that it imports, and lists its tasks. It reaches no host.
func (r *Runner) Describe(ctx context.Context, p configuration.Play) (configuration.Description, error) {
	m, err := r.prepare(p)
	if err != nil {
		return configuration.Description{}, err
	}
	defer m.close()
	args, err := m.arguments(p)
	if err != nil {
		return configuration.Description{}, err
	}
	variables, err := encoded(p, nil)
	if err != nil {
		return configuration.Description{}, err
	}
	if err := r.inventory(m, planned); err != nil {
		return configuration.Description{}, err
	}
	end, err := r.execute(ctx, execution{room: m, args: append([]string{"--list-tasks"}, args...), variables: variables, heard: func(event) {}})
	switch {
	case fault.Is(err, fault.Ambiguous): // Nothing was changed: it only reads.
		return configuration.Description{}, fault.Wrap(fault.Unavailable, err, "reading playbook "+p.Playbook)
	case err != nil:
		return configuration.Description{}, err
	case end.status != 0:
		return configuration.Description{}, bad("playbook %q: %s", p.Playbook, m.complaint(end))
	}
	described := configuration.Description{Digest: m.digest}
	for _, match := range taskLine.FindAllStringSubmatch(end.stdout, mostTasks) {
		described.Tasks = append(described.Tasks, name(match[1]))
	}
	if len(described.Tasks) == 0 {
		return configuration.Description{}, bad("playbook %q has no tasks%s", p.Playbook, withTags(p))
	}
	return described, nil
}

func withTags(p configuration.Play) string {
	if len(p.Tags) == 0 {
		return ""
	}
	return " with the tags " + strings.Join(p.Tags, ", ")
}

// complaint is what the program says is wrong, with the project's own paths.
func (m *room) complaint(end ended) string {
	said := end.stderr
	if said == "" {
		said = end.stdout
	}
	if _, after, found := strings.Cut(said, "ERROR! "); found {
		said = after
	}
	return text(strings.ReplaceAll(said, m.path("project")+"/", ""))
}

// performance is a play on a host that is locked.
type performance struct {
	*Runner
	room   *room
	conn   *connection
	host   configuration.Host
	play   configuration.Play
	values configuration.Values
	said   operation.Progress
	args   []string
}

// perform prepares everything, takes the lock, and calls do.
func (r *Runner) perform(ctx context.Context, op operation.Op, h configuration.Host, p configuration.Play, v configuration.Values,
	said operation.Progress, do func(*performance) error,
) error {
	hops, err := r.hops(h)
	if err != nil {
		return err
	}
	m, err := r.prepare(p)
	if err != nil {
		return err
	}
	defer m.close()
	args, err := m.arguments(p)
	if err != nil {
		return err
	}
	if _, err := encoded(p, v); err != nil { // Before anybody is asked for anything.
		return err
	}
	if err := r.inventory(m, h); err != nil {
		return err
	}
	if err := r.configure(m, hops); err != nil {
		return err
	}
	unlend, err := r.lend(ctx, m, hops)
	if err != nil {
		return err
	}
	defer unlend()
	conn, err := r.connect(ctx, m, h, op, said)
	if err != nil {
		return err
	}
	defer conn.finish()
	return do(&performance{Runner: r, room: m, conn: conn, host: h, play: p, values: v, said: said, args: args})
}

// once runs the playbook once and judges how it ended. The phase is told with the progress.
func (f *performance) once(ctx context.Context, phase string, flags ...string) (*story, error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "running playbook "+f.play.Playbook)
	}
	variables, err := encoded(f.play, f.values)
	if err != nil {
		return nil, err
	}
	s := &story{host: f.host.Name, hide: f.values.Hide, say: func(text string) { f.said.Say(phase + text) }}
	end, err := f.execute(ctx, execution{
		room: f.room, args: append(flags, f.args...), variables: variables, inherit: []*os.File{f.conn.alive, f.room.lock}, heard: s.hear,
	})
	if err != nil {
		return nil, err
	}
	return s, f.judge(s, end)
}

func (f *performance) judge(s *story, end ended) error {
	on := fmt.Sprintf("playbook %q on %s", f.play.Playbook, f.host.Name)
	switch {
	case s.recap.Unreachable > 0:
		return fault.New(fault.Unavailable, "%s: the connection was lost at task %q (%s): %s", on, s.failed, s.recap, s.message)
	case s.recap.Failed > 0:
		return bad("%s: task %q failed (%s): %s", on, s.failed, s.recap, s.message)
	case end.status != 0:
		return bad("%s: %s", on, text(f.values.Hide(f.room.complaint(end))))
	case !s.counted:
		return bad("%s: none of its plays is for this host%s: expected hosts: all", on, withTags(f.play))
	}
	return nil
}

// Preview runs check mode with diff.
func (r *Runner) Preview(ctx context.Context, h configuration.Host, p configuration.Play, v configuration.Values, said operation.Progress) (configuration.Foresight, error) {
	var seen configuration.Foresight
	op := operation.Op{Key: operation.Key{Run: "preview", Step: "configuration", Target: h.Name}}
	err := r.perform(ctx, op, h, p, v, said, func(f *performance) error {
		s, err := f.once(ctx, "check, ", "--check", "--diff")
		if err != nil {
			return err
		}
		seen = configuration.Foresight{Recap: s.recap, Changes: s.changes}
		return nil
	})
	return seen, err
}

// Apply runs check mode, the play, and check mode again.
func (r *Runner) Apply(ctx context.Context, op operation.Op, h configuration.Host, p configuration.Play, v configuration.Values, said operation.Progress) (configuration.Applied, error) {
	var did configuration.Applied
	err := r.perform(ctx, op, h, p, v, said, func(f *performance) error {
		before, err := f.once(ctx, "check, ", "--check")
		switch {
		case err == nil:
			did.Foreseen = names(before.changes)
		case fault.Is(err, fault.Invalid) && before != nil: // Tasks that build on one another cannot be foreseen.
			did.Blind = err.Error()
		default:
			return err
		}
		done, err := f.once(ctx, "")
		if err != nil {
			return err
		}
		did.Recap, did.Changed = done.recap, names(done.changes)
		after, err := f.once(ctx, "check again, ", "--check")
		switch {
		case err == nil:
			did.Restless = names(after.changes)
		case fault.Is(err, fault.Invalid):
		default:
			return err
		}
		return nil
	})
	return did, err
}

// names leaves out what a module tells of its change without being asked.
func names(tasks []configuration.Task) []configuration.Task {
	bare := make([]configuration.Task, len(tasks))
	for i, t := range tasks {
		bare[i].Name = t.Name
	}
	return bare
}
