package sshx_test

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"fermata/activities/fault"
	"fermata/integrations/sshx"
)

func TestConnectionsAreShared(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			conn, err := b.pool.Client(t.Context(), sshx.Target{})
			if err == nil {
				_, err = conn.Run(t.Context(), sshx.Command{Argv: []string{"args"}})
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, b.server.logins.Load())
	require.Len(t, b.server.heard(), 30)
}

func TestAnotherTrustIsAnotherConnection(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.pool.Client(t.Context(), sshx.Target{})
	require.NoError(t, err)
	other, _ := newKey(t)
	_, err = b.pool.Client(t.Context(), sshx.Target{HostKeys: []string{line(other.PublicKey())}})
	require.True(t, fault.Is(err, fault.Unauthorized), "an open connection is no excuse: %v", err)
}

func TestLostConnectionIsDialledAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.pool.Client(t.Context(), sshx.Target{})
	require.NoError(t, err)
	b.server.cut()
	require.Eventually(t, func() bool {
		_, err := b.pool.Client(t.Context(), sshx.Target{})
		return err == nil && b.server.logins.Load() == 2
	}, 5*time.Second, 5*time.Millisecond)
}

func TestCommandOnALostConnectionConnectsAnew(t *testing.T) {
	t.Parallel()
	b := setup(t)
	conn, err := b.pool.Client(t.Context(), sshx.Target{})
	require.NoError(t, err)
	b.server.cut()
	r, err := conn.Run(t.Context(), sshx.Command{Argv: []string{"args", "x"}})
	require.NoError(t, err)
	require.Equal(t, "\"x\"\n", string(r.Stdout))
	require.Len(t, b.server.heard(), 1)
}

func TestCommandOnALostConnectionOfAHostThatIsDown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	conn, err := b.pool.Client(t.Context(), sshx.Target{})
	require.NoError(t, err)
	b.server.stop()
	_, err = conn.Run(t.Context(), sshx.Command{Argv: []string{"args", "x"}})
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
}

func TestKeepaliveDropsAConnectionThatIsSilent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	// A relay between pool and server that stops carrying bytes without closing anything.
	relay, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = relay.Close() })
	frozen := make(chan struct{})
	go func() {
		for {
			near, err := relay.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", b.server.address)
			if err != nil {
				return
			}
			go carry(far, near, frozen)
			go carry(near, far, frozen)
		}
	}()
	cfg := b.cfg
	cfg.Address, cfg.Keepalive = relay.Addr().String(), 20*time.Millisecond
	pool := newPool(t, cfg, b.vault)
	conn, err := pool.Client(t.Context(), sshx.Target{})
	require.NoError(t, err)
	close(frozen)
	_, err = conn.Run(t.Context(), sshx.Command{Argv: []string{"args"}})
	require.Error(t, err)
	require.Contains(t, []fault.Kind{fault.Unavailable, fault.Ambiguous}, fault.KindOf(err))
}

func carry(to, from net.Conn, frozen <-chan struct{}) {
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		select {
		case <-frozen:
			continue
		default:
		}
		if err != nil {
			_ = to.Close()
			return
		}
		_, _ = to.Write(buffer[:n])
	}
}

func TestIdleConnectionIsLetGo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cfg := b.cfg
	cfg.Keepalive, cfg.Idle = 5*time.Millisecond, 20*time.Millisecond
	pool := newPool(t, cfg, b.vault)
	_, err := pool.Client(t.Context(), sshx.Target{})
	require.NoError(t, err)
	require.Eventually(t, func() bool { // A new login means that the first connection had ended.
		_, err := pool.Client(t.Context(), sshx.Target{})
		return err == nil && b.server.logins.Load() >= 2
	}, 5*time.Second, 100*time.Millisecond)
}

func TestClosedPoolConnectsNoMore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	conn, err := b.pool.Client(t.Context(), sshx.Target{})
	require.NoError(t, err)
	require.NoError(t, b.pool.Close())
	_, err = b.pool.Client(t.Context(), sshx.Target{})
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	_, err = conn.Run(t.Context(), sshx.Command{Argv: []string{"args"}})
	require.Error(t, err)
}

func TestHostThatDoesNotAnswerIsUnavailable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.server.stop()
	_, err := b.pool.Client(t.Context(), sshx.Target{})
	require.True(t, fault.Is(err, fault.Unavailable), "refused: %v", err)

	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	cfg := b.cfg
	cfg.Timeout = 50 * time.Millisecond
	_, err = newPool(t, cfg, b.vault).Client(t.Context(), sshx.Target{Address: silent.Addr().String()})
	require.True(t, fault.Is(err, fault.Unavailable), "silent: %v", err)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// chain is pool -> outer jump -> inner jump -> target.
func chain(t *testing.T) (target, inner, outer bundle, cfg sshx.Config) {
	t.Helper()
	target, inner, outer = setup(t), setup(t), setup(t)
	secrets := vault{
		"secret://file/target": target.vault["secret://file/key"], "secret://file/inner": inner.vault["secret://file/key"],
		"secret://file/outer": outer.vault["secret://file/key"],
	}
	target.vault = secrets
	target.cfg.Key, inner.cfg.Key, outer.cfg.Key = "secret://file/target", "secret://file/inner", "secret://file/outer"
	inner.cfg.Jump = &outer.cfg
	target.cfg.Jump = &inner.cfg
	return target, inner, outer, target.cfg
}

func TestJumpChain(t *testing.T) {
	t.Parallel()
	target, inner, outer, cfg := chain(t)
	pool := newPool(t, cfg, target.vault)
	require.NoError(t, pool.Ping(t.Context()))
	require.EqualValues(t, 1, outer.server.forced.Load())
	require.EqualValues(t, 1, inner.server.forced.Load())
	require.Eventually(t, func() bool { return target.server.logins.Load() == 1 }, 5*time.Second, time.Millisecond)

	outer.server.cut() // The whole chain is rebuilt.
	require.Eventually(t, func() bool {
		return pool.Ping(t.Context()) == nil && target.server.logins.Load() == 2
	}, 5*time.Second, 5*time.Millisecond)
}

func TestEveryHopIsVerified(t *testing.T) {
	t.Parallel()
	target, _, outer, cfg := chain(t)
	other, _ := newKey(t)
	jump := outer.cfg
	jump.HostKeys = []string{line(other.PublicKey())}
	inner := *cfg.Jump
	inner.Jump, cfg.Jump = &jump, &inner
	err := newPool(t, cfg, target.vault).Ping(t.Context())
	require.True(t, fault.Is(err, fault.Unauthorized), "%v", err)
	require.Zero(t, outer.server.logins.Load())
}

func TestJumpHostWithoutKeyTakesThatBehindIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	jump := b.cfg
	jump.Key = ""
	pool := newPool(t, sshx.Config{Key: b.cfg.Key, Jump: &jump}, b.vault)
	require.NoError(t, pool.Ping(t.Context()))
}

func TestDialThroughTheJumpHost(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pool := newPool(t, sshx.Config{Jump: &b.cfg}, b.vault)
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = echo.Close() })
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c) }()
		}
	}()
	conn, err := pool.Dial(t.Context(), "tcp", echo.Addr().String())
	require.NoError(t, err)
	_, err = conn.Write([]byte("hello"))
	require.NoError(t, err)
	got := make([]byte, 5)
	_, err = io.ReadFull(conn, got)
	require.NoError(t, err)
	require.Equal(t, "hello", string(got))

	require.NoError(t, conn.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
	_, err = conn.Read(got)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, echo.Close())
	_, err = pool.Dial(t.Context(), "tcp", echo.Addr().String())
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
}

func TestJumpHostThatForbidsForwarding(t *testing.T) {
	t.Parallel()
	b := setup(t, func(s *server) { s.noForward = true })
	pool := newPool(t, sshx.Config{Jump: &b.cfg}, b.vault)
	_, err := pool.Dial(t.Context(), "tcp", "127.0.0.1:1")
	require.True(t, fault.Is(err, fault.Unauthorized), "%v", err)
	require.ErrorContains(t, err, "PermitOpen")
}

func TestLoginRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, private := newKey(t)
	pool := newPool(t, b.cfg, vault{"secret://file/key": private})
	signer, err := ssh.ParsePrivateKey(private)
	require.NoError(t, err)
	err = pool.Ping(t.Context())
	require.True(t, fault.Is(err, fault.Unauthorized), "%v", err)
	require.ErrorContains(t, err, ssh.FingerprintSHA256(signer.PublicKey()))
}

func TestKeyIsResolvedLate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	good := b.vault["secret://file/key"]
	delete(b.vault, "secret://file/key")
	require.True(t, fault.Is(b.pool.Ping(t.Context()), fault.NotFound))
	b.vault["secret://file/key"] = []byte("SECRET no key")
	err := b.pool.Ping(t.Context())
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	require.NotContains(t, err.Error(), "SECRET")
	b.vault["secret://file/key"] = good
	require.NoError(t, b.pool.Ping(t.Context()))
	key, err := b.pool.PublicKey(t.Context())
	require.NoError(t, err)
	require.Equal(t, b.server.login.Marshal(), key.Marshal())
}
