package embedded

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/temporalio/ui-server/v2/server"
	"github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/server_options"

	"fermata/sandbox/certificates"
)

// UI is Temporal's web UI in this process.
type UI struct {
	server *server.Server
	url    string
}

// UIOptions say what the UI shows and where.
type UIOptions struct {
	Port      int    // On 127.0.0.1; 0: any free one.
	Temporal  string // Frontend's host:port.
	TLS       certificates.Pair
	Namespace string
	Codec     string // URL of the endpoint that opens payloads; empty: they stay sealed.
	// Listen is called with the origin that the UI will have, before it starts: the codec endpoint must allow it.
	Listen func(origin string) (codec string, err error)
}

// StartUI starts the web UI and returns when it answers.
func StartUI(ctx context.Context, o UIOptions) (*UI, error) {
	l, err := reserve(o.Port)
	if err != nil {
		return nil, fmt.Errorf("port %d for the web UI is taken: stop what uses it, or choose another with --ui-port: %w", o.Port, err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil { // The UI opens it itself.
		return nil, fmt.Errorf("freeing the web UI's port: %w", err)
	}
	origin := "http://" + address(port)
	if o.Listen != nil {
		if o.Codec, err = o.Listen(origin); err != nil {
			return nil, err
		}
	}
	ui := &UI{url: origin, server: server.NewServer(server_options.WithConfigProvider(&config.Config{
		Host: host, Port: port, EnableUI: true, TemporalGRPCAddress: o.Temporal, TLS: clientTLS(o.TLS), DefaultNamespace: o.Namespace,
		CORS:             config.CORS{CookieInsecure: true},
		Codec:            config.Codec{Endpoint: o.Codec, IncludeCredentials: true}, // Its cookie: without a login of its own the UI has no token to pass.
		DisableNewsFetch: true, HideLogs: true,
		// Runs are steered by signed commands; what the UI could do by itself is switched off.
		WorkflowTerminateDisabled: true, WorkflowResetDisabled: true, WorkflowSignalDisabled: true,
		WorkflowUpdateDisabled: true, StartWorkflowDisabled: true, BatchActionsDisabled: true, ActivityCommandsDisabled: true,
		WorkflowPauseDisabled: true,
	}))}
	go func() { _ = ui.server.Start() }()
	return ui, ui.healthy(ctx)
}

func (u *UI) healthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.url+"/healthz", nil)
		if err != nil {
			return fmt.Errorf("asking the web UI for its health: %w", err)
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the web UI: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// URL is where a browser finds it.
func (u *UI) URL() string { return u.url }

// Stop stops the UI.
func (u *UI) Stop() { u.server.Stop() }
