package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/headers"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	sqliteschema "go.temporal.io/server/schema/sqlite"
	"google.golang.org/protobuf/types/known/durationpb"

	"fermata/wire"
)

const (
	store       = sqlite.PluginName
	clusterName = "active"
)

// prepareDatabase makes the file at first use, and refuses one that another version of the server made: there is no
// upgrade of a SQLite schema.
func prepareDatabase(o Options) (*config.SQL, error) {
	file := filepath.Join(o.Folder, "temporal.db")
	database := &config.SQL{
		PluginName: store, DatabaseName: file,
		ConnectAttributes: map[string]string{"mode": "rwc", "journal_mode": "wal", "synchronous": "2"},
	}
	version := filepath.Join(o.Folder, "temporal.version")
	made, err := os.ReadFile(version)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := create(database, file, version); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", version, err)
	case strings.TrimSpace(string(made)) != headers.ServerVersion:
		return nil, fmt.Errorf("%s was made by Temporal %s and this is %s, which cannot read it: move the folder away (its records stay readable) or run the older Fermata",
			file, strings.TrimSpace(string(made)), headers.ServerVersion)
	}
	return database, createNamespace(database, o)
}

func create(database *config.SQL, file, version string) error {
	if _, err := os.Stat(file); err == nil {
		return fmt.Errorf("%s is there but nothing says which version of Temporal made it (%s is missing): move it away", file, version)
	}
	// A schema that was cut short must not look whole: it is made beside, and the version is written last.
	unfinished := *database
	unfinished.DatabaseName = file + ".new"
	for _, leftover := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(unfinished.DatabaseName + leftover); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing an unfinished database: %w", err)
		}
	}
	unfinished.ConnectAttributes = map[string]string{"mode": "rwc"}
	if err := sqliteschema.SetupSchema(&unfinished); err != nil {
		return fmt.Errorf("making the schema in %s: %w", unfinished.DatabaseName, err)
	}
	if err := os.Rename(unfinished.DatabaseName, file); err != nil {
		return fmt.Errorf("putting the database in place: %w", err)
	}
	if err := os.WriteFile(version, []byte(headers.ServerVersion+"\n"), 0o600); err != nil {
		return fmt.Errorf("noting the version of the database: %w", err)
	}
	return nil
}

func createNamespace(database *config.SQL, o Options) error {
	attributes := map[string]enumspb.IndexedValueType{}
	for _, key := range wire.Attributes() {
		attributes[key.GetName()] = key.GetValueType()
	}
	namespace, err := sqliteschema.NewNamespaceConfig(clusterName, o.Namespace, false, attributes)
	if err != nil {
		return fmt.Errorf("describing namespace %q: %w", o.Namespace, err)
	}
	namespace.Detail.Config.Retention = durationpb.New(o.Retention)
	if err := sqliteschema.CreateNamespaces(database, namespace); err != nil {
		return fmt.Errorf("making namespace %q: %w", o.Namespace, err)
	}
	return nil
}
