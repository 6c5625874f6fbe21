package dbx

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/secret"
)

func settings() []Setting {
	return []Setting{{Name: "host", Value: "db", Fixed: true}, {Name: "user", Value: "app"}, {Name: "password", Value: "fIrStPaSsWoRd0123456789"}}
}

func TestParseIsAsStrictAsItIsSimple(t *testing.T) {
	t.Parallel()
	found, err := Parse(Render("shop", settings()), settings())
	require.NoError(t, err)
	require.Equal(t, map[string]string{"host": "db", "user": "app", "password": "fIrStPaSsWoRd0123456789"}, found)
	for text, kind := range map[string]fault.Kind{
		"[shop]\nhost=db\nuser=app\npassword=x\npassword=y\n":      fault.Invalid,
		"[shop]\n[other]\nhost=db\nuser=app\npassword=x\n":         fault.Invalid,
		"host=db\n[shop]\nuser=app\npassword=x\n":                  fault.Invalid,
		"[shop]\nhost=db\nuser=app\npassword=\"x y\"\n":            fault.Invalid,
		"[shop]\nhost=db\nuser=app\npassword=x\n!include /etc/x\n": fault.Invalid,
		"[shop]\nhost=other\nuser=app\npassword=x\n":               fault.Conflict,
		"[shop]\nhost=db\nuser=app\n":                              fault.Conflict,
		"[shop]\nhost=db\nuser=app\npassword=x\nservice=y\n":       fault.Conflict,
	} {
		_, err := Parse(secret.NewValue([]byte(text)), settings())
		require.Equal(t, kind, fault.KindOf(err), "%q: %v", text, err)
	}
}

// FuzzParse: whatever is read is written again as it was, or refused without a word of it.
func FuzzParse(f *testing.F) {
	f.Add(string(Render("shop", settings()).Reveal()))
	f.Add("[shop]\nhost=db\nuser=\npassword=x")
	f.Fuzz(func(t *testing.T, text string) {
		found, err := Parse(secret.NewValue([]byte(text)), settings())
		if err != nil {
			require.Contains(t, []fault.Kind{fault.Invalid, fault.Conflict}, fault.KindOf(err))
			return
		}
		again, err := Parse(Render("shop", []Setting{{Name: "host", Value: found["host"]}, {Name: "user", Value: found["user"]}, {Name: "password", Value: found["password"]}}), settings())
		require.NoError(t, err)
		require.Equal(t, found, again)
	})
}

func TestAnArchiveIsWholeOrNotThere(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "archives")
	op := operation.Op{Key: operation.Key{Run: "01JRUNA", Step: "archive", Target: "web-01"}, Owner: "instance/web-01"}
	password := secret.NewValue([]byte("fIrStPaSsWoRd0123456789"))
	archive := func(script string) (database.Archive, error) {
		return Archive(t.Context(), folder, op, database.Database{Name: "shop"}, Dump{
			Program: "sh", Args: []string{"-c", script}, Env: []string{"WORD=" + password.Text()}, Password: password, Suffix: ".sql",
		})
	}
	_, err := archive("echo half; echo cannot log in with $WORD >&2; exit 1")
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "cannot log in with ******")
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Empty(t, left)

	abandoned := filepath.Join(folder, ".shop-"+op.Key.UUID().String()+".sql.123") // By a worker that was killed.
	others := filepath.Join(folder, ".shop-"+operation.Key{Run: "01JRUNB"}.UUID().String()+".sql.123")
	for _, part := range []string{abandoned, others} {
		require.NoError(t, os.WriteFile(part, []byte("half"), 0o600))
	}
	made, err := archive("echo whole")
	require.NoFileExists(t, abandoned)
	require.FileExists(t, others)
	require.NoError(t, err)
	require.Equal(t, int64(6), made.Bytes)
	again, err := archive("echo another")
	require.NoError(t, err)
	require.Equal(t, made, again)
	for path, mode := range map[string]os.FileMode{made.Path: 0o600, folder: os.ModeDir | 0o700} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode())
	}
	op.Key.Step = "archive/2"
	_, err = Archive(t.Context(), folder, op, database.Database{Name: "shop"}, Dump{Program: "/nowhere/pg_dump"})
	require.Equal(t, fault.Invalid, fault.KindOf(err), "%v", err)
}

func TestOptionsReachTheProgramThroughAPipe(t *testing.T) {
	t.Parallel()
	op := operation.Op{Key: operation.Key{Run: "01JRUNA", Step: "archive", Target: "web-01"}, Owner: "instance/web-01"}
	made, err := Archive(t.Context(), t.TempDir(), op, database.Database{Name: "shop"}, Dump{
		Program: "cat", Args: []string{OptionsPath}, Options: secret.NewValue([]byte("[client]\nuser=x\n")), Suffix: ".sql",
	})
	require.NoError(t, err)
	content, err := os.ReadFile(made.Path)
	require.NoError(t, err)
	require.Equal(t, "[client]\nuser=x\n", string(content))
}

func TestAPrivateFileIsPrivate(t *testing.T) {
	t.Parallel()
	path, remove, err := Private([]byte("hush"))
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	remove()
	_, err = os.Stat(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Equal(t, `"a\"b\\c d"`, string(Quoted(secret.NewValue([]byte("a\"b\\c d\n"))).Reveal()), "without the newline that files end with")
}
