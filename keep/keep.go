//go:build keep

// Package keep holds the module set while rooms are being built.
package keep

import (
	_ "filippo.io/age"
	_ "github.com/gofrs/flock"
	_ "github.com/google/jsonschema-go/jsonschema"
	_ "github.com/google/uuid"
	_ "github.com/gowebpki/jcs"
	_ "github.com/hiddeco/sshsig"
	_ "github.com/oklog/ulid/v2"
	_ "github.com/pkg/sftp"
	_ "github.com/rogpeppe/go-internal/testscript"
	_ "github.com/stretchr/testify/require"
	_ "github.com/stretchr/testify/mock"
	_ "github.com/temporalio/ui-server/v2/server"
	_ "github.com/urfave/cli/v2"
	_ "github.com/vmware/govmomi/simulator"
	_ "github.com/vmware/govmomi/vapi/simulator"
	_ "go.temporal.io/api/enums/v1"
	_ "go.temporal.io/sdk/client"
	_ "go.temporal.io/sdk/contrib/envconfig"
	_ "go.temporal.io/sdk/testsuite"
	_ "go.temporal.io/sdk/worker"
	_ "go.temporal.io/server/temporal"
	_ "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	_ "go.temporal.io/server/schema/sqlite"
	_ "go.yaml.in/yaml/v3"
	_ "golang.org/x/crypto/ssh/agent"
	_ "golang.org/x/sync/errgroup"
	_ "golang.org/x/sys/unix"
	_ "golang.org/x/term"
	_ "mvdan.cc/sh/v3/interp"
)
