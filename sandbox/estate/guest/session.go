package guest

import (
	"context"
	"errors"
	"io"
	"path"
	"strings"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"mvdan.cc/sh/v3/syntax"
)

// session is one SSH session.
type session struct {
	server  *server
	conn    *ssh.ServerConn
	channel ssh.Channel
	who     account
	env     map[string]string
	ctx     context.Context
	cancel  context.CancelFunc
}

func newSession(alive context.Context, s *server, conn *ssh.ServerConn, channel ssh.Channel) *session {
	who := s.machine.account(conn.User())
	env := s.machine.environment(who)
	env["SSH_CONNECTION"] = conn.RemoteAddr().String()
	// A command goes on when its connection is lost, as on a host: the machine ends it, or a signal.
	ctx, cancel := context.WithCancel(alive)
	return &session{server: s, conn: conn, channel: channel, who: who, env: env, ctx: ctx, cancel: cancel}
}

// serve handles the requests of a session until its program has ended.
func (s *session) serve(requests <-chan *ssh.Request) {
	defer s.cancel()
	defer s.channel.Close()
	var ended chan struct{}
	for {
		select {
		case request, ok := <-requests:
			if !ok {
				if ended != nil {
					<-ended
				}
				return
			}
			if done := s.request(request, ended != nil); done != nil {
				ended = done
			}
		case <-ended:
			return
		}
	}
}

// request answers one request; a channel when it started the session's program.
func (s *session) request(r *ssh.Request, started bool) chan struct{} {
	var program func()
	accepted := false
	switch r.Type {
	case "env":
		accepted = s.setEnv(r.Payload)
	case "pty-req", "window-change":
		accepted = true
	case "signal":
		s.cancel()
		accepted = true
	case "exec", "shell", "subsystem":
		program = s.program(r)
		accepted = program != nil && !started && !s.server.machine.options.Faults.Refuse(s.ctx)
	}
	if r.WantReply {
		_ = r.Reply(accepted, nil) // The peer may be gone; the loop ends then.
	}
	if program == nil || !accepted {
		return nil
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		program()
	}()
	return ended
}

// setEnv takes what Debian's AcceptEnv takes.
func (s *session) setEnv(payload []byte) bool {
	var pair struct{ Name, Value string }
	if ssh.Unmarshal(payload, &pair) != nil || pair.Name != "LANG" && !strings.HasPrefix(pair.Name, "LC_") {
		return false
	}
	s.env[pair.Name] = pair.Value
	return true
}

func (s *session) program(r *ssh.Request) func() {
	var word struct{ Value string }
	if r.Type != "shell" && ssh.Unmarshal(r.Payload, &word) != nil {
		return nil
	}
	switch {
	case r.Type == "exec":
		return func() { s.exec(word.Value, s.channel) }
	case r.Type == "shell":
		return s.shell
	case word.Value == "sftp":
		return s.sftp
	}
	return nil
}

func (s *session) shell() {
	text, err := io.ReadAll(io.LimitReader(s.channel, maxScript+1))
	if err != nil {
		return
	}
	s.exec(string(text), strings.NewReader(""))
}

// exec runs a command line in the account's login shell.
func (s *session) exec(line string, stdin io.Reader) {
	m := s.server.machine
	if path.Base(s.who.shell) == "nologin" || path.Base(s.who.shell) == "false" {
		_, _ = io.WriteString(s.channel, "This account is currently not available.\n")
		s.exit(1)
		return
	}
	stdout, stderr, before := io.Writer(s.channel), io.Writer(s.channel.Stderr()), m.changes.Load()
	var keptOut, keptErr lockedBuffer
	if m.options.Faults != nil { // Whether the answer is lost shows at the end: only one that tells of a change may be.
		stdout, stderr = &keptOut, &keptErr
	}
	dir := s.who.home
	if i, err := m.files.as(s.who).stat(dir); err != nil || !i.IsDir() {
		dir = "/"
	}
	variant, name := syntax.LangBash, "bash"
	if path.Base(s.who.shell) == "sh" {
		variant, name = syntax.LangPOSIX, "sh"
	}
	m.processes.note(s.who.name, []string{name, "-c", line}, s.env)
	code := m.run(s.ctx, script{
		user: s.who.name, name: name, text: line, variant: variant, dir: dir, env: s.env, umask: 0o022,
		stdin: stdin, stdout: stdout, stderr: stderr,
	})
	m.save()
	if m.changes.Load() != before && m.options.Faults.Lose() {
		_ = s.conn.Close()
		return
	}
	_, _ = io.WriteString(s.channel, keptOut.String()) // The peer may be gone.
	_, _ = io.WriteString(s.channel.Stderr(), keptErr.String())
	s.exit(code)
}

func (s *session) exit(code int) {
	status := struct{ Code uint32 }{uint32(code) & 0xff} //nolint:gosec // Cut as a host cuts it.
	_, _ = s.channel.SendRequest("exit-status", false, ssh.Marshal(status))
}

func (s *session) sftp() {
	m := s.server.machine
	files := &transfers{machine: m, view: m.files.as(s.who)}
	handlers := sftp.Handlers{FileGet: files, FilePut: files, FileCmd: files, FileList: files}
	served := sftp.NewRequestServer(s.channel, handlers, sftp.WithStartDirectory(s.who.home))
	err := served.Serve()
	m.save()
	if err == nil || errors.Is(err, io.EOF) {
		s.exit(0)
	}
	_ = served.Close()
}
