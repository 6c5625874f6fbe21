package guest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// maxDownload is the most that curl takes, in bytes.
const maxDownload = 256 << 20

const curlFlags = "f fail s silent S show-error L location o: output: O K: config: proto: proto-redir: max-redirs: connect-timeout: m: max-time:" +
	" X: request: H: header: d: data: data-binary: w: write-out: i include I head retry: retry-delay: A: user-agent: url: compressed 4 6 noproxy:"

// curl fetches over the virtual network.
func curl(ctx context.Context, c Call) int {
	f, err := getopt(c.Args[1:], curlFlags)
	if err != nil {
		return c.Fail(2, "%v\ncurl: try 'curl --help' or 'curl --manual' for more information", err)
	}
	if name := f.value("K", "config"); name != "" {
		if code := c.curlConfig(&f, name); code != 0 {
			return code
		}
	}
	urls := append(slices.Clone(f.args), f.values["url"]...)
	if len(urls) == 0 {
		return c.Fail(2, "no URL specified!")
	}
	for _, target := range urls {
		if code := c.fetch(ctx, f, target); code != 0 {
			return code
		}
	}
	return 0
}

// curlConfig reads "name = value" lines, as curl -K does.
func (c Call) curlConfig(f *flags, name string) int {
	data, err := c.ReadFile(name)
	if err != nil {
		return c.Fail(26, "cannot read config from '%s'", name)
	}
	for _, line := range lines(data) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		value = strings.TrimSpace(value)
		if plain, err := strconv.Unquote(value); err == nil {
			value = plain
		}
		args := []string{"--" + strings.Trim(key, " -")}
		if value != "" {
			args[0] += "=" + value
		}
		more, err := getopt(args, curlFlags)
		if err != nil {
			return c.Fail(2, "%s: %v", name, err)
		}
		for _, given := range more.order {
			f.add(given, more.value(given))
		}
	}
	return 0
}

func (c Call) curlFail(f flags, code int, format string, args ...any) int {
	if !f.has("s", "silent") || f.has("S", "show-error") {
		fmt.Fprintf(c.Stderr, "curl: (%d) %s\n", code, fmt.Sprintf(format, args...))
	}
	return code
}

func (c Call) fetch(ctx context.Context, f flags, target string) int {
	if !strings.Contains(target, "://") {
		target = "http://" + target
	}
	parsed, err := url.Parse(target)
	switch {
	case err != nil:
		return c.curlFail(f, 3, "URL rejected: Malformed input to a URL function")
	case parsed.Scheme != "http" && parsed.Scheme != "https":
		return c.curlFail(f, 1, "Protocol \"%s\" not supported or disabled in libcurl", parsed.Scheme)
	case parsed.Hostname() == "":
		return c.curlFail(f, 3, "URL rejected: No host part in the URL")
	}
	if limit, err := strconv.ParseFloat(f.value("m", "max-time"), 64); err == nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(limit*float64(time.Second)))
		defer cancel()
	}
	request, err := c.curlRequest(ctx, f, target)
	if err != nil {
		return c.curlFail(f, 3, "%v", err)
	}
	transport := c.Machine.transport(f)
	defer transport.CloseIdleConnections()
	response, err := c.curlClient(f, transport).Do(request)
	if err != nil {
		return c.curlError(f, err, parsed)
	}
	defer response.Body.Close()
	return c.curlAnswer(f, response)
}

func (c Call) curlRequest(ctx context.Context, f flags, target string) (*http.Request, error) {
	method, body := http.MethodGet, ""
	if f.has("d", "data", "data-binary") {
		method, body = http.MethodPost, f.value("d", "data", "data-binary")
		if name, ok := strings.CutPrefix(body, "@"); ok {
			data, err := c.ReadFile(name)
			if err != nil {
				return nil, fmt.Errorf("reading %s: %s", name, reason(err))
			}
			body = string(data)
		}
	}
	if f.has("I", "head") {
		method = http.MethodHead
	}
	request, err := http.NewRequestWithContext(ctx, cmpOr(f.value("X", "request"), method), target, strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("malformed request: %w", err)
	}
	request.Header.Set("User-Agent", cmpOr(f.value("A", "user-agent"), "curl/7.88.1"))
	for _, header := range append(f.values["H"], f.values["header"]...) {
		if key, value, ok := strings.Cut(header, ":"); ok {
			request.Header.Set(key, strings.TrimSpace(value))
		}
	}
	return request, nil
}

var errRedirects = errors.New("maximum redirects followed")

func (c Call) curlClient(f flags, transport http.RoundTripper) *http.Client {
	most, err := strconv.Atoi(cmpOr(f.value("max-redirs"), "50"))
	if err != nil {
		most = 50
	}
	return &http.Client{Transport: transport, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		if !f.has("L", "location") {
			return http.ErrUseLastResponse
		}
		if len(via) > most {
			return errRedirects
		}
		return nil
	}}
}

// transport dials through the virtual network, from the machine's address, and trusts the machine's own authorities.
func (m *Machine) transport(f flags) *http.Transport {
	roots := x509.NewCertPool()
	if data, err := m.ReadFile("/etc/ssl/certs/ca-certificates.crt"); err == nil {
		roots.AppendCertsFromPEM(data)
	}
	limit := 5 * time.Minute
	if seconds, err := strconv.ParseFloat(f.value("connect-timeout"), 64); err == nil {
		limit = time.Duration(seconds * float64(time.Second))
	}
	return &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			return m.dial(ctx, address)
		},
	}
}

func (m *Machine) dial(ctx context.Context, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("reading the address: %w", err)
	}
	addr, err := m.resolve(host)
	if err != nil {
		return nil, err
	}
	return m.Network().Dial(ctx, m.Address(), net.JoinHostPort(addr.String(), port))
}

func (c Call) curlError(f flags, err error, target *url.URL) int {
	var unknown *net.DNSError
	var untrusted x509.UnknownAuthorityError
	switch {
	case errors.As(err, &unknown):
		return c.curlFail(f, 6, "Could not resolve host: %s", target.Hostname())
	case errors.Is(err, errRedirects):
		return c.curlFail(f, 47, "Maximum (%s) redirects followed", cmpOr(f.value("max-redirs"), "50"))
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return c.curlFail(f, 28, "Connection timed out")
	case errors.As(err, &untrusted):
		return c.curlFail(f, 60, "SSL certificate problem: unable to get local issuer certificate")
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return c.curlFail(f, 52, "Empty reply from server")
	}
	return c.curlFail(f, 7, "Failed to connect to %s port %s: %s", target.Hostname(), cmpOr(target.Port(), "80"), reason(err))
}

func (c Call) curlAnswer(f flags, response *http.Response) int {
	if f.has("f", "fail") && response.StatusCode >= http.StatusBadRequest {
		return c.curlFail(f, 22, "The requested URL returned error: %d", response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxDownload))
	if err != nil {
		return c.curlFail(f, 18, "transfer closed with outstanding read data remaining")
	}
	if f.has("i", "include", "I", "head") {
		var head strings.Builder
		fmt.Fprintf(&head, "%s %s\r\n", response.Proto, response.Status)
		_ = response.Header.Write(&head) // A Builder takes everything.
		body = append([]byte(head.String()+"\r\n"), body...)
	}
	if name := f.value("o", "output"); name != "" && name != "-" {
		if err := c.WriteFile(name, body, 0o666); err != nil {
			return c.curlFail(f, 23, "Failure writing output to destination")
		}
	} else if _, err := c.Stdout.Write(body); err != nil {
		return c.curlFail(f, 23, "Failure writing output to destination")
	}
	if format := f.value("w", "write-out"); format != "" {
		c.Print("%s", strings.NewReplacer("%{http_code}", strconv.Itoa(response.StatusCode), "%{response_code}", strconv.Itoa(response.StatusCode), `\n`, "\n").Replace(format))
	}
	return 0
}

// repositories lists the addresses in apt's sources.
func (m *Machine) repositories() []string {
	v := m.files.as(root)
	files := []string{"/etc/apt/sources.list"}
	if entries, err := v.readDir("/etc/apt/sources.list.d"); err == nil {
		for _, entry := range entries {
			files = append(files, "/etc/apt/sources.list.d/"+entry.Name())
		}
	}
	var uris []string
	for _, file := range files {
		data, err := v.readFile(file)
		if err != nil {
			continue
		}
		for _, line := range lines(data) {
			key, value, _ := strings.Cut(line, ":")
			words := strings.Fields(line)
			switch {
			case strings.HasSuffix(file, ".sources") && strings.EqualFold(key, "uris"):
				uris = append(uris, strings.Fields(value)...)
			case !strings.HasSuffix(file, ".sources") && len(words) > 2 && words[0] == "deb":
				at := slices.IndexFunc(words, func(word string) bool { return strings.Contains(word, "://") })
				if at > 0 {
					uris = append(uris, words[at])
				}
			}
		}
	}
	slices.Sort(uris)
	return slices.Compact(uris)
}

// reach says whether a repository answers. Debian's own always do: the catalogue is what they hold.
func (m *Machine) reach(ctx context.Context, uri string) error {
	parsed, err := url.Parse(uri)
	if err != nil || parsed.Hostname() == "" {
		return fmt.Errorf("invalid URI")
	}
	if strings.HasSuffix(parsed.Hostname(), ".debian.org") {
		return nil
	}
	port := cmpOr(parsed.Port(), map[string]string{"https": "443"}[parsed.Scheme])
	conn, err := m.dial(ctx, net.JoinHostPort(parsed.Hostname(), cmpOr(port, "80")))
	if err != nil {
		return fmt.Errorf("could not connect to %s: %s", parsed.Hostname(), reason(err))
	}
	return conn.Close()
}
