package ec2

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/require"

	"fermata/sandbox/estate/faults"
)

const (
	keyID  = "AKIAEXAMPLE000000000"
	secret = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00"
)

func options(t *testing.T) Options {
	t.Helper()
	return Options{
		Folder: t.TempDir(), Users: []User{{AccessKeyID: keyID, SecretAccessKey: secret, Denied: []string{"Delete*"}}}, Faults: &faults.Faults{},
		Images: []Image{{Name: "debian-12"}}, Types: []Type{{Name: "t3.small", CPUs: 2, Memory: 2048}},
		Subnets: []Subnet{{Name: "private", Zone: "eu-central-1a", Prefixes: []netip.Prefix{netip.MustParsePrefix("10.30.0.0/24")}}},
	}
}

func start(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// request is one that a test spoils before or after it is signed.
type request struct {
	form          url.Values
	key           aws.Credentials
	service       string
	region        string
	at            time.Time
	before, after func(*http.Request)
}

func describe(action string, more ...string) request {
	form := url.Values{"Action": {action}, "Version": {version}}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	nothing := func(*http.Request) {}
	return request{form, aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}, "ec2", "eu-central-1", time.Now(), nothing, nothing}
}

// send signs with Amazon's own signer.
func (r request) send(t *testing.T, s *Server) (int, string) {
	t.Helper()
	pem, err := os.ReadFile(s.CAFile())
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(pem))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	defer client.CloseIdleConnections()
	body := r.form.Encode()
	asked, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/", strings.NewReader(body))
	require.NoError(t, err)
	asked.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.before(asked)
	require.NoError(t, v4.NewSigner().SignHTTP(context.Background(), r.key, asked, hash([]byte(body)), r.service, r.region, r.at))
	r.after(asked)
	resp, err := client.Do(asked)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

func TestRequestsAreVerified(t *testing.T) {
	t.Parallel()
	s := start(t, options(t))
	status, text := describe("DescribeVpcs").send(t, s)
	require.Equal(t, http.StatusOK, status, text)
	require.Contains(t, text, s.VPC())
	for want, spoil := range map[string]func(*request){
		"AuthFailure 1":              func(r *request) { r.key.SecretAccessKey = strings.ToLower(secret) },
		"AuthFailure 2":              func(r *request) { r.key.AccessKeyID = "AKIASOMEBODYELSE0000" },
		"AuthFailure 3":              func(r *request) { r.region = "us-east-1" },
		"AuthFailure 4":              func(r *request) { r.service = "s3" },
		"AuthFailure 5":              func(r *request) { r.after = func(h *http.Request) { h.Header.Set("Content-Type", "text/plain") } },
		"AuthFailure 6":              func(r *request) { r.after = func(h *http.Request) { h.URL.RawQuery = "Action=DescribeImages" } },
		"RequestExpired 1":           func(r *request) { r.at = time.Now().Add(-20 * time.Minute) },
		"RequestExpired 2":           func(r *request) { r.at = time.Now().Add(20 * time.Minute) },
		"MissingAuthenticationToken": func(r *request) { r.after = func(h *http.Request) { h.Header.Del("Authorization") } },
	} {
		r := describe("DescribeVpcs")
		spoil(&r)
		status, text := r.send(t, s)
		code, _, _ := strings.Cut(want, " ")
		require.GreaterOrEqual(t, status, 400, want)
		require.Contains(t, text, "<Code>"+code+"</Code>", want)
	}
	r := describe("DescribeVpcs")
	r.after = func(h *http.Request) { // Another body than was signed.
		other := url.Values{"Action": {"DescribeImages"}, "Version": {version}}.Encode()
		h.Body, h.ContentLength = io.NopCloser(strings.NewReader(other)), int64(len(other))
	}
	_, text = r.send(t, s)
	require.Contains(t, text, "<Code>AuthFailure</Code>")
}

// TestSignature: the example of the IAM guide's derivation of a signing key, and of what it signs.
func TestSignature(t *testing.T) {
	t.Parallel()
	body := []byte("Action=ListUsers&Version=2010-05-08")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://iam.example/", strings.NewReader(string(body)))
	require.NoError(t, err)
	require.NoError(t, v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}, r, hash(body), "iam", "us-east-1", time.Unix(1700000000, 0)))
	a, whole := readAuthorization(r.Header.Get("Authorization"))
	require.True(t, whole)
	r.Header.Set("Content-Length", "35") // As the server sees it.
	require.Equal(t, a.signature, sign(secret, a, r, body))
	require.NotEqual(t, a.signature, sign(secret, a, r, []byte("Action=DeleteUser")))
	_, err = hex.DecodeString(a.signature)
	require.NoError(t, err)
}

func TestWhatNobodyKnowsIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, options(t))
	for code, r := range map[string]request{
		"UnknownParameter":             describe("DescribeVpcs", "Colour", "blue"),
		"UnknownParameter ":            describe("DescribeVpcs", "Filter.1.Colour", "blue"),
		"UnknownParameter  ":           describe("DescribeVpcs", "Filter.3.Name", "vpc-id"), // There is no first.
		"InvalidParameterValue":        describe("DescribeVpcs", "Filter.1.Name", "colour", "Filter.1.Value.1", "blue"),
		"InvalidParameterValue ":       describe("RunInstances", "MinCount", "many"),
		"InvalidParameterValue  ":      describe("DescribeInstances", "MaxResults", "2"),
		"InvalidParameterCombination":  describe("DescribeSubnets", "MaxResults", "10", "SubnetId.1", idOf("subnet", "private")),
		"InvalidParameterCombination ": func() request { r := describe("DescribeVpcs", "VpcId.1", "a"); r.form.Add("VpcId.1", "b"); return r }(),
		"InvalidInstanceID.NotFound":   describe("StopInstances", "InstanceId.1", "i-11111111111111111"),
		"InvalidVpcID.NotFound":        describe("DescribeVpcs", "VpcId.1", "vpc-11111111111111111"),
		"InvalidNextToken":             describe("DescribeInstances", "NextToken", "?"),
		"InvalidAction":                describe("ExplodeInstances"),
		"UnauthorizedOperation":        describe("DeleteVolume", "VolumeId", "vol-1"),
		"MissingParameter":             describe("StopInstances"),
		"InvalidID":                    describe("CreateTags", "ResourceId.1", "x-1", "Tag.1.Key", "a"),
		"DryRunOperation":              describe("StopInstances", "InstanceId.1", "i-11111111111111111", "DryRun", "true"),
		"InvalidAMIID.NotFound":        describe("RunInstances", "MinCount", "1", "MaxCount", "1", "ImageId", "ami-1"),
	} {
		status, text := r.send(t, s)
		require.GreaterOrEqual(t, status, 400, code)
		require.Contains(t, text, "<Code>"+strings.TrimSpace(code)+"</Code>")
	}
	old := describe("DescribeVpcs")
	old.form.Set("Version", "2009-01-01")
	_, text := old.send(t, s)
	require.Contains(t, text, "<Code>InvalidAction</Code>")
}

// TestStateIsKept: what was made is there after a restart, tokens too.
func TestStateIsKept(t *testing.T) {
	t.Parallel()
	o := options(t)
	s := start(t, o)
	run := describe("RunInstances", "MinCount", "1", "MaxCount", "1", "ImageId", idOf("ami", "111122223333debian-12"), "InstanceType", "t3.small",
		"SubnetId", idOf("subnet", "private"), "ClientToken", "once", "TagSpecification.1.ResourceType", "instance",
		"TagSpecification.1.Tag.1.Key", "Name", "TagSpecification.1.Tag.1.Value", "web-01")
	status, text := run.send(t, s)
	require.Equal(t, http.StatusOK, status, text)
	require.NoError(t, s.Close())
	s = start(t, o)
	_, again := run.send(t, s)
	require.Equal(t, instanceIn(t, text), instanceIn(t, again))
	require.Equal(t, 1, s.Count().Instances)
	run.form.Set("InstanceType", "t3.large")
	_, other := run.send(t, s)
	require.Contains(t, other, "<Code>IdempotentParameterMismatch</Code>")
	require.Eventually(t, func() bool {
		_, shown := describe("DescribeInstances", "Filter.1.Name", "tag:Name", "Filter.1.Value.1", "web-*").send(t, s)
		return strings.Contains(shown, "<name>running</name>")
	}, time.Minute, 10*time.Millisecond)
	status, text = describe("TerminateInstances", "InstanceId.1", instanceIn(t, again)).send(t, s)
	require.Equal(t, http.StatusOK, status, text)
	run.form.Set("InstanceType", "t3.small")
	_, ended := run.send(t, s)
	require.Contains(t, ended, "<Code>IdempotentInstanceTerminated</Code>")
}

func instanceIn(t *testing.T, text string) string {
	t.Helper()
	_, rest, there := strings.Cut(text, "<instanceId>")
	require.True(t, there, text)
	id, _, _ := strings.Cut(rest, "<")
	return id
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	require.True(t, wild("web-*", "web-01"))
	require.True(t, wild("web-0?", "web-01"))
	require.True(t, wild(`a\*b`, "a*b"))
	require.False(t, wild(`a\*b`, "axb"))
	require.False(t, wild("web-0", "web-01"))
	require.False(t, wild("w.b", "web"))
}
