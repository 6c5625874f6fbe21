package repository_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/repository"
)

func TestMain(m *testing.M) { os.Exit(host.Main(m, host.Installed(repository.Packages()))) }

type served struct {
	*repository.Repository
	uri, folder string
}

func setup(t *testing.T) served {
	t.Helper()
	host.Require(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	folder := host.Folder(t)
	r, err := repository.Build(ctx, folder)
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	stop := r.Serve(l)
	t.Cleanup(func() { require.NoError(t, stop()) })
	return served{r, "http://" + l.Addr().String(), host.Folder(t)}
}

// apt runs apt-get or apt-cache with folders of its own, so that the machine's lists stay as they are.
func (s served) apt(t *testing.T, source string, args ...string) (string, error) {
	t.Helper()
	for _, name := range []string{"lists/partial", "cache/archives/partial", "parts"} {
		require.NoError(t, os.MkdirAll(filepath.Join(s.folder, name), 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(s.folder, "bed.sources"), []byte(source), 0o644))
	options := []string{
		"-o", "Dir::Etc::sourcelist=" + filepath.Join(s.folder, "bed.sources"), "-o", "Dir::Etc::sourceparts=" + filepath.Join(s.folder, "parts"),
		"-o", "Dir::State::lists=" + filepath.Join(s.folder, "lists"), "-o", "Dir::Cache=" + filepath.Join(s.folder, "cache"), "-o", "APT::Update::Error-Mode=any",
		"-o", "APT::Sandbox::User=root", "-o", "Acquire::http::Proxy=false",
	}
	cmd := exec.CommandContext(t.Context(), args[0], append(options, args[1:]...)...)
	cmd.Dir = s.folder
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestAptTrusts: apt itself reads the index with the repository's key, finds both versions and refuses the index of another.
func TestAptTrusts(t *testing.T) {
	s := setup(t)
	out, err := s.apt(t, s.Source(s.uri), "apt-get", "update")
	require.NoError(t, err, out)
	out, err = s.apt(t, s.Source(s.uri), "apt-cache", "policy", repository.Application)
	require.NoError(t, err, out)
	require.Contains(t, out, "Candidate: "+repository.New)
	require.Contains(t, out, " "+repository.Old+" ")
	out, err = s.apt(t, s.Source(s.uri), "apt-get", "download", repository.Application+"="+repository.Old)
	require.NoError(t, err, out)

	other, err := repository.Build(t.Context(), host.Folder(t))
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(filepath.Join(s.folder, "lists")))
	out, err = s.apt(t, other.Source(s.uri), "apt-get", "update")
	require.Error(t, err, "the key of another repository")
	require.Contains(t, out, "NO_PUBKEY")
}

// TestApplication starts what the package holds.
func TestApplication(t *testing.T) {
	s := setup(t)
	for _, version := range []string{repository.Old, repository.New} {
		deb := filepath.Join(s.folder, version+".deb")
		s.get(t, "/pool/"+repository.Application+"_"+version+"_"+architecture(t)+".deb", deb)
		root := filepath.Join(s.folder, version)
		out, err := exec.CommandContext(t.Context(), "dpkg-deb", "--extract", deb, root).CombinedOutput()
		require.NoError(t, err, "%s", out)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, l.Close())
		config := filepath.Join(s.folder, "hello.conf")
		require.NoError(t, os.WriteFile(config, []byte("listen = "+l.Addr().String()+"\nname = web-01\ngreeting = Hi\n"), 0o644))
		p, err := host.Start(t.Context(), host.Daemon{
			Name: "hello-web", Args: []string{filepath.Join(root, "usr/sbin/hello-web"), "-config", config},
			Ready: func(context.Context) error {
				conn, err := net.Dial("tcp", l.Addr().String())
				if err == nil {
					err = conn.Close()
				}
				return err
			},
		})
		require.NoError(t, err)
		machine, err := os.Hostname()
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("ok hello-web %s %s\n", version, machine), fetch(t, "http://"+l.Addr().String()+"/healthz"))
		require.Equal(t, "Hi\nweb-01 hello-web "+version+"\n", fetch(t, "http://"+l.Addr().String()+"/"))
		require.NoError(t, p.Stop())
		require.NoError(t, os.WriteFile(config, []byte("session-key-file = /nonexistent\n"), 0o644))
		out, err = exec.CommandContext(t.Context(), filepath.Join(root, "usr/sbin/hello-web"), "-check", "-config", config).CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), "cannot be read")
	}
}

func architecture(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "dpkg", "--print-architecture").Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}

func (s served) get(t *testing.T, path, into string) {
	t.Helper()
	require.NoError(t, os.WriteFile(into, []byte(fetch(t, s.uri+path)), 0o644))
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode, url)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(text)
}
