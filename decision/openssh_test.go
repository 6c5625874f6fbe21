package decision

import (
	"bytes"
	"crypto/rand"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hiddeco/sshsig"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// keygen runs ssh-keygen in UTC and without an agent.
func keygen(t *testing.T, stdin []byte, zone string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ssh-keygen", args...)
	cmd.Env = []string{"TZ=" + zone, "HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func mustKeygen(t *testing.T, args ...string) {
	t.Helper()
	out, err := keygen(t, nil, "UTC", args...)
	require.NoError(t, err, out)
}

// keys is a folder of keys and certificates that ssh-keygen made.
type keys struct {
	dir     string
	public  map[string]string
	signers map[string]ssh.Signer
}

func newKeys(t *testing.T) *keys {
	t.Helper()
	k := &keys{dir: t.TempDir(), public: map[string]string{}, signers: map[string]ssh.Signer{}}
	for name, kind := range map[string]string{
		"ed": "ed25519", "other": "ed25519", "p256": "ecdsa -b 256", "p384": "ecdsa -b 384", "p521": "ecdsa -b 521",
		"rsa": "rsa -b 2048", "weak": "rsa -b 1024", "ca": "ed25519", "ca2": "ed25519", "carsa": "rsa -b 2048", "caec": "ecdsa -b 256",
	} {
		k.make(t, name, kind)
	}
	const year = "20260101000000:20261231000000"
	k.certify(t, "good", "ed", "ca", "-n", "alice", "-V", year)
	k.certify(t, "many", "ed", "ca", "-n", "carol,alice,dave", "-V", year)
	k.certify(t, "forever", "ed", "ca", "-n", "alice")
	k.certify(t, "bob", "ed", "ca", "-n", "bob", "-V", year)
	k.certify(t, "star", "ed", "ca", "-n", "*", "-V", year)
	k.certify(t, "nobody", "ed", "ca", "-V", year)
	k.certify(t, "host", "ed", "ca", "-h", "-n", "alice", "-V", year)
	k.certify(t, "foreign", "ed", "ca2", "-n", "alice", "-V", year)
	k.certify(t, "forced", "ed", "ca", "-n", "alice", "-V", year, "-O", "force-command=true")
	k.certify(t, "byrsa", "ed", "carsa", "-n", "alice", "-V", year)
	k.certify(t, "byec", "ed", "caec", "-n", "alice", "-V", year)
	k.outdate(t, "bysha1", "byrsa", "carsa")
	k.certify(t, "rsacert", "rsa", "ca", "-n", "alice", "-V", year)
	k.certify(t, "eccert", "p384", "ca", "-n", "alice", "-V", year)
	return k
}

func (k *keys) path(name string) string { return filepath.Join(k.dir, name) }

func (k *keys) make(t *testing.T, name, kind string) {
	t.Helper()
	mustKeygen(t, append([]string{"-q", "-N", "", "-C", name, "-f", k.path(name), "-t"}, strings.Fields(kind)...)...)
	k.load(t, name, k.path(name)+".pub")
	text, err := os.ReadFile(k.path(name))
	require.NoError(t, err)
	k.signers[name], err = ssh.ParsePrivateKey(text)
	require.NoError(t, err)
}

func (k *keys) certify(t *testing.T, name, key, authority string, args ...string) {
	t.Helper()
	pub := k.path(name) + ".pub"
	require.NoError(t, os.WriteFile(pub, []byte(k.public[key]+"\n"), 0o600))
	mustKeygen(t, append(append([]string{"-q", "-s", k.path(authority), "-I", name}, args...), pub)...)
	cert := k.load(t, name, k.path(name)+"-cert.pub")
	var err error
	k.signers[name], err = ssh.NewCertSigner(cert.(*ssh.Certificate), k.signers[key])
	require.NoError(t, err)
}

// outdate copies a certificate and signs the copy with SHA-1, which some builds of ssh-keygen refuse to do.
func (k *keys) outdate(t *testing.T, name, model, authority string) {
	t.Helper()
	cert := *k.signers[model].PublicKey().(*ssh.Certificate)
	sha1, err := ssh.NewSignerWithAlgorithms(k.signers[authority].(ssh.AlgorithmSigner), []string{ssh.KeyAlgoRSA})
	require.NoError(t, err)
	require.NoError(t, cert.SignCert(rand.Reader, sha1))
	require.Equal(t, ssh.KeyAlgoRSA, cert.Signature.Format)
	k.public[name] = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(&cert)))
	k.signers[name], err = ssh.NewCertSigner(&cert, k.signers["ed"])
	require.NoError(t, err)
}

func (k *keys) load(t *testing.T, name, path string) ssh.PublicKey {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	k.public[name] = strings.TrimSpace(string(text))
	key, _, _, _, err := ssh.ParseAuthorizedKey(text)
	require.NoError(t, err)
	return key
}

// sign signs as any program might, with another hash, namespace or a forbidden algorithm.
func (k *keys) sign(t *testing.T, name, message, namespace, hash, algorithm string) string {
	t.Helper()
	signer := k.signers[name]
	h := sshsig.HashAlgorithm(hash)
	digest := h.Hash()
	digest.Write([]byte(message))
	data := append([]byte("SSHSIG"), ssh.Marshal(struct{ Namespace, Reserved, Hash, Digest string }{
		namespace, "", hash, string(digest.Sum(nil)),
	})...)
	sig, err := signer.(ssh.AlgorithmSigner).SignWithAlgorithm(rand.Reader, data, algorithm)
	require.NoError(t, err)
	return string(sshsig.Armor(&sshsig.Signature{
		Version: 1, PublicKey: signer.PublicKey(), Namespace: namespace, HashAlgorithm: h, Signature: sig,
	}))
}

// verdict asks ssh-keygen.
func verdict(t *testing.T, file, message, armored, principal, namespace, zone string, at time.Time) (bool, string) {
	t.Helper()
	dir := t.TempDir()
	signers, sig := filepath.Join(dir, "allowed_signers"), filepath.Join(dir, "sig")
	require.NoError(t, os.WriteFile(signers, []byte(file), 0o600))
	require.NoError(t, os.WriteFile(sig, []byte(armored), 0o600))
	out, err := keygen(t, []byte(message), zone, "-Y", "verify", "-f", signers, "-I", principal, "-n", namespace, "-s", sig,
		"-O", "verify-time="+at.UTC().Format("20060102150405")+"Z")
	return err == nil, out
}

// question is one signature put to both; the zero value of a field means the ordinary.
type question struct {
	file      string // {name} stands for a public key
	signer    string // "ed"
	message   string // what was signed: "hello"
	presented string // what is verified: message
	principal string // "alice"
	namespace string // what is verified: Namespace
	signedFor string // what was signed for: namespace
	hash      string // "sha512"
	algorithm string // the signer's modern default
	at        string // "20260601120000", UTC
	zone      string // "UTC"
	armor     func(string) string

	good     bool
	stricter string // why we refuse what OpenSSH takes
}

func (q question) filled() question {
	for field, value := range map[*string]string{
		&q.signer: "ed", &q.message: "hello", &q.principal: "alice", &q.namespace: Namespace, &q.hash: "sha512",
		&q.at: "20260601120000", &q.zone: "UTC",
	} {
		if *field == "" {
			*field = value
		}
	}
	if q.presented == "" {
		q.presented = q.message
	}
	if q.signedFor == "" {
		q.signedFor = q.namespace
	}
	if q.algorithm == "" && (q.signer == "rsa" || q.signer == "weak" || q.signer == "rsacert") {
		q.algorithm = ssh.KeyAlgoRSASHA512
	}
	if q.armor == nil {
		q.armor = func(s string) string { return s }
	}
	return q
}

// zones are those of the table, as the C library and as Go know them, so that no zone files are needed.
func zones(t *testing.T) map[string]*time.Location {
	t.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	york, err := time.LoadLocation("America/New_York")
	require.NoError(t, err)
	return map[string]*time.Location{
		"UTC": time.UTC, "CET-1CEST,M3.5.0,M10.5.0/3": berlin, "EST5EDT,M3.2.0,M11.1.0": york,
	}
}

// TestVerdictsEqualOpenSSH puts every question of the table to ssh-keygen -Y verify and to us.
func TestVerdictsEqualOpenSSH(t *testing.T) {
	t.Parallel()
	k, locations := newKeys(t), zones(t)
	table := questions()
	require.GreaterOrEqual(t, len(table), 60)
	for name, q := range table {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := q.filled()
			file := q.file
			for key, public := range k.public {
				file = strings.ReplaceAll(file, "{"+key+"}", public)
			}
			require.NotContains(t, file, "{")
			at, err := time.Parse("20060102150405", q.at)
			require.NoError(t, err)
			armored := q.armor(k.sign(t, q.signer, q.message, q.signedFor, q.hash, q.algorithm))

			theirs, out := verdict(t, file, q.presented, armored, q.principal, q.namespace, q.zone, at)
			if q.stricter == "" { // else it depends on the release
				require.Equal(t, q.good, theirs, "ssh-keygen: %s", out)
			}
			a, err := parseAllowedSigners(strings.NewReader(file), locations[q.zone])
			if err == nil {
				err = a.Verify([]byte(q.presented), armored, q.principal, q.namespace, at)
			}
			if q.good {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, q.stricter)
		})
	}
}

// repack changes the bytes inside the armor.
func repack(change func([]byte) []byte) func(string) string {
	return func(armored string) string {
		block, _ := pem.Decode([]byte(armored))
		block.Bytes = change(block.Bytes)
		return string(pem.EncodeToMemory(block))
	}
}

// TestRevocationEqualsOpenSSH puts lists of revoked keys to ssh-keygen -Y verify -r and to us.
func TestRevocationEqualsOpenSSH(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	file := "alice " + k.public["ed"] + "\n* cert-authority " + k.public["ca"] + "\n"
	at := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		signer, list string
		revoked      bool
	}{
		"empty":                          {"ed", "", false},
		"key":                            {"ed", "# lost\n\n{ed}\n", true},
		"another key":                    {"ed", "{other}\n{p256}\n", false},
		"second key":                     {"ed", "{other}\n{ed}\n", true},
		"certificate by its key":         {"good", "{ed}\n", true},
		"certificate by its authority":   {"good", "{ca}\n", true},
		"certificate by another of it":   {"good", "{many}\n", true},
		"key by its certificate":         {"ed", "{good}\n", true},
		"certificate, another authority": {"good", "{ca2}\n", false},
		"key, its authority":             {"ed", "{ca}\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list := c.list
			for key, public := range k.public {
				list = strings.ReplaceAll(list, "{"+key+"}", public)
			}
			armored := k.sign(t, c.signer, "hello", Namespace, "sha512", "")
			dir := t.TempDir()
			for name, text := range map[string]string{"signers": file, "sig": armored, "revoked": list} {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
			}
			out, err := keygen(t, []byte("hello"), "UTC", "-Y", "verify", "-f", dir+"/signers", "-I", "alice", "-n", Namespace,
				"-s", dir+"/sig", "-r", dir+"/revoked", "-O", "verify-time=20260601120000Z")
			require.Equal(t, c.revoked, err != nil, out)
			revoked, err := ParseRevoked(strings.NewReader(list))
			require.NoError(t, err)
			key, err := checkSignature([]byte("hello"), armored, Namespace)
			require.NoError(t, err)
			require.Equal(t, c.revoked, revoked.check(key) != nil)
			a, err := ParseAllowedSigners(strings.NewReader(file))
			require.NoError(t, err)
			require.NoError(t, a.allows(key, "alice", Namespace, at))
		})
	}
}
