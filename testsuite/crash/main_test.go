// Package crash kills processes at every step of every process and looks whether anything was lost or done twice.
//
// Temporal and the workers are processes of their own, under a supervisor that starts them again at once; the estate of
// emulated systems stays up in the test's process, as real systems would. Where to kill is said from outside, by files in
// a folder: an interceptor in the worker knows them by the ids of steps. The drivers know nothing of it.
package crash

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"fermata/sandbox"
	"fermata/sandbox/embedded"
	"fermata/starter"
	"fermata/worker"
)

// What a process is told by its supervisor.
const (
	variableRole   = "FERMATA_CRASH_ROLE"
	variableData   = "FERMATA_CRASH_DATA"   // Folder of the sandbox.
	variablePort   = "FERMATA_CRASH_PORT"   // Temporal's.
	variablePoints = "FERMATA_CRASH_POINTS" // Folder of the kill points.
)

const (
	roleTemporal = "temporal"
	roleWorker   = "worker"
	roleSandbox  = "sandbox"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(variableRole); role != "" {
		os.Exit(play(role))
	}
	log.SetOutput(io.Discard) // The emulated vCenter tells of every file that it finds.
	code := m.Run()
	all.say()
	os.Exit(code)
}

// play makes this binary what its supervisor wants. It ends when the supervisor is gone, however that went.
func play(role string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	data := os.Getenv(variableData)
	switch role {
	case roleTemporal:
		return serveTemporal(ctx, data)
	case roleWorker:
		args := []string{"fermata-worker", "--config", filepath.Join(data, "fermata-worker.yaml")}
		return worker.Main(ctx, args, os.Stdout, os.Stderr, worker.WithInterceptor(newKiller()))
	case roleSandbox:
		return starter.ExitCode(os.Stderr, sandbox.Command().RunContext(ctx, append([]string{"fermata-sandbox"}, os.Args[1:]...)))
	}
	fmt.Fprintf(os.Stderr, "no role %q\n", role)
	return 2
}

func serveTemporal(ctx context.Context, data string) int {
	port, err := strconv.Atoi(os.Getenv(variablePort))
	if err == nil {
		var server *embedded.Server
		server, err = embedded.Start(embedded.Options{
			Folder: filepath.Join(data, "temporal"), Port: port, Namespace: sandbox.Namespace, Retention: sandbox.Retention,
		})
		if err == nil {
			<-ctx.Done()
			err = server.Stop()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "temporal:", err)
		return 1
	}
	return 0
}
