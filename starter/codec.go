package starter

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/config"
	"fermata/config/providers"
	"fermata/encryption"
)

func codecCommand() *cli.Command {
	return &cli.Command{
		Name: "codec", Usage: "open payloads for Temporal's web UI, for people who have a token",
		Description: "   fermata codec --origin https://temporal.example --token secret://file/codec-token\n" +
			"   fermata codec --listen 0.0.0.0:8443 --tls-cert codec.pem --tls-key codec.key --origin https://temporal.example --token secret://file/codec-token\n\n" +
			"Set the web UI's codec endpoint to the printed address, with includeCredentials. Each person opens its page /codec/enter\n" +
			"once in twelve hours and enters the token. Programs send it: temporal --codec-endpoint ADDRESS --codec-auth 'Bearer TOKEN'.\n" +
			"Who has the token can read every payload of the installation. It opens, and never seals.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "listen", Value: "127.0.0.1:8081", Usage: "`HOST:PORT` to listen on; another than loopback needs TLS"},
			&cli.StringSliceFlag{Name: "origin", Usage: "`ORIGIN` of the web UI, such as https://temporal.example; may be given again"},
			&cli.StringFlag{Name: "token", Usage: "`REFERENCE` of the secret that people show, at least 24 random characters"},
			&cli.StringFlag{Name: "tls-cert", Usage: "certificate of the endpoint, PEM `FILE`"},
			&cli.StringFlag{Name: "tls-key", Usage: "its private key, PEM `FILE`"},
		},
		Before: arguments(0, 0),
		Action: func(c *cli.Context) error {
			cfg, err := load(c)
			if err != nil {
				return err
			}
			handler, certificates, err := endpoint(c, cfg)
			if err != nil {
				return err
			}
			l, err := listen(c.Context, c.String("listen"), certificates)
			if err != nil {
				return err
			}
			return serve(c, l, handler, certificates != nil)
		},
	}
}

// endpoint is what the flags describe.
func endpoint(c *cli.Context, cfg *config.Installation) (http.Handler, *tls.Config, error) {
	certificates, err := certificate(c.String("tls-cert"), c.String("tls-key"))
	if err != nil {
		return nil, nil, err
	}
	if c.String("token") == "" {
		return nil, nil, usage("who may ask? Name the secret that holds a token with --token, such as secret://file/codec-token")
	}
	if _, _, err := secret.Ref(c.String("token")).Parse(); err != nil { // Not repeated: it may be the token itself.
		return nil, nil, usage("--token takes a reference secret://provider/name, never the token: other users of the machine can see a command's words")
	}
	secrets, err := providers.Open(cfg)
	if err != nil {
		return nil, nil, err
	}
	keys, err := providers.Keyring(c.Context, cfg, secrets)
	if err != nil {
		return nil, nil, err
	}
	token, err := secrets.Resolve(c.Context, secret.Ref(c.String("token")))
	if fault.Is(err, fault.NotFound) {
		return nil, nil, coded{exitNotFound, "--token names a secret that is not there: " + err.Error(), err}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading the token of the codec endpoint: %w", err)
	}
	handler, err := encryption.Endpoint{
		Keys: keys, Token: strings.TrimSpace(token.Text()), Origins: c.StringSlice("origin"), TLS: certificates != nil,
	}.Handler()
	if err != nil {
		return nil, nil, usage("%v", err)
	}
	return handler, certificates, nil
}

// certificate returns nil where none is named.
func certificate(cert, key string) (*tls.Config, error) {
	if cert == "" && key == "" {
		return nil, nil //nolint:nilnil // No TLS.
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading --tls-cert and --tls-key")
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// listen refuses to carry tokens and clear text over a network without TLS.
func listen(ctx context.Context, address string, certificates *tls.Config) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "listening on --listen "+address)
	}
	if certificates != nil {
		return tls.NewListener(l, certificates), nil
	}
	if at, ok := l.Addr().(*net.TCPAddr); !ok || !at.IP.IsLoopback() {
		_ = l.Close()
		return nil, usage("--listen %s is not loopback: give the endpoint a certificate with --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy that has one", address)
	}
	return l, nil
}

// serve serves until the command is interrupted.
func serve(c *cli.Context, l net.Listener, handler http.Handler, overTLS bool) error {
	server := encryption.Server(handler)
	stop := context.AfterFunc(c.Context, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
	})
	defer stop()
	scheme := "http://"
	if overTLS {
		scheme = "https://"
	}
	base := scheme + l.Addr().String() + encryption.EndpointPath
	newScreen(c).printf("codec endpoint  %s\npage            %s/enter\n", base, base)
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the codec endpoint: %w", err)
	}
	return nil
}
