package database

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/operation"
	"fermata/activities/secret"
)

// changeFor bounds one attempt of a change. A server waits for sessions that hold what is changed.
const changeFor = 10 * time.Minute

// CheckInput asks for Check.
type CheckInput struct {
	System string `json:"system,omitempty"`
}

// CheckOutput answers Check.
type CheckOutput struct {
	Endpoint Endpoint `json:"endpoint"`
}

// Check proves that the server answers and takes the credential, and tells how clients reach it.
func Check(ctx workflow.Context, in CheckInput) (CheckOutput, error) {
	return operation.Look[CheckOutput](ctx, Capability, activityCheck, time.Minute, in)
}

// FindInput asks for Find.
type FindInput struct {
	System string          `json:"system,omitempty"`
	Names  []string        `json:"names,omitempty"` // Of databases and of roles.
	Owner  operation.Owner `json:"owner,omitempty"` // Empty: by names only.
}

// FindOutput answers Find.
type FindOutput struct {
	Found Found `json:"found"`
}

// Find finds databases and roles by name and owner.
func Find(ctx workflow.Context, in FindInput) (FindOutput, error) {
	return operation.Look[FindOutput](ctx, Capability, activityFind, 2*time.Minute, in)
}

// MakeDatabaseInput asks for MakeDatabase.
type MakeDatabaseInput struct {
	System   string       `json:"system,omitempty"`
	Op       operation.Op `json:"op"`
	Database Database     `json:"database"`
}

// MakeDatabaseOutput answers MakeDatabase.
type MakeDatabaseOutput struct{}

// MakeDatabase makes a database.
func MakeDatabase(ctx workflow.Context, in MakeDatabaseInput) (MakeDatabaseOutput, error) {
	return operation.Call[MakeDatabaseOutput](ctx, Capability, activityMakeDatabase, changeFor, in)
}

// RemoveDatabaseInput asks for RemoveDatabase.
type RemoveDatabaseInput struct {
	System   string       `json:"system,omitempty"`
	Op       operation.Op `json:"op"`
	Database Database     `json:"database"`
}

// RemoveDatabaseOutput answers RemoveDatabase.
type RemoveDatabaseOutput struct{}

// RemoveDatabase drops the database that carries the operation's key.
func RemoveDatabase(ctx workflow.Context, in RemoveDatabaseInput) (RemoveDatabaseOutput, error) {
	return operation.Call[RemoveDatabaseOutput](ctx, Capability, activityRemoveDatabase, changeFor, in)
}

// MakeRoleInput asks for MakeRole.
type MakeRoleInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
	Role   Role         `json:"role"`
	Secret secret.Ref   `json:"secret"`          // Where the password is kept; no version.
	After  string       `json:"after,omitempty"` // Newest version before; empty: there is none.
}

// MakeRoleOutput answers MakeRole.
type MakeRoleOutput struct {
	Version string `json:"version"` // Of the secret that holds the password.
}

// MakeRole makes a role with a password that nobody has seen.
func MakeRole(ctx workflow.Context, in MakeRoleInput) (MakeRoleOutput, error) {
	return operation.Call[MakeRoleOutput](ctx, Capability, activityMakeRole, changeFor, in)
}

// SetPasswordInput asks for SetPassword.
type SetPasswordInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
	Role   string       `json:"role"`
	Secret secret.Ref   `json:"secret"`          // Where the password is kept; no version.
	After  string       `json:"after,omitempty"` // Newest version before; empty: there is none.
}

// SetPasswordOutput answers SetPassword.
type SetPasswordOutput struct {
	Version string `json:"version"` // Of the secret that holds the password.
}

// SetPassword gives a role another password that nobody has seen.
func SetPassword(ctx workflow.Context, in SetPasswordInput) (SetPasswordOutput, error) {
	return operation.Call[SetPasswordOutput](ctx, Capability, activitySetPassword, changeFor, in)
}

// DiscardPasswordInput asks for DiscardPassword.
type DiscardPasswordInput struct {
	Op     operation.Op `json:"op"`
	Secret secret.Ref   `json:"secret"`
}

// DiscardPasswordOutput answers DiscardPassword.
type DiscardPasswordOutput struct{}

// DiscardPassword removes the version of a secret that the operation kept.
func DiscardPassword(ctx workflow.Context, in DiscardPasswordInput) (DiscardPasswordOutput, error) {
	return operation.Call[DiscardPasswordOutput](ctx, Capability, activityDiscardPassword, time.Minute, in)
}

// NewestPasswordInput asks for NewestPassword.
type NewestPasswordInput struct {
	Secret secret.Ref `json:"secret"` // Without a version.
}

// NewestPasswordOutput answers NewestPassword.
type NewestPasswordOutput struct {
	Version string `json:"version,omitempty"` // Empty: there is no such secret yet.
}

// NewestPassword tells the newest version of a secret that passwords are kept in.
func NewestPassword(ctx workflow.Context, in NewestPasswordInput) (NewestPasswordOutput, error) {
	return operation.Look[NewestPasswordOutput](ctx, Capability, activityNewestPassword, time.Minute, in)
}

// RestorePasswordInput asks for RestorePassword.
type RestorePasswordInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
	Role   string       `json:"role"`
	Secret secret.Ref   `json:"secret"` // With the version to go back to.
}

// RestorePasswordOutput answers RestorePassword.
type RestorePasswordOutput struct{}

// RestorePassword gives a role the password of a version that is kept already, and with it the right to log in.
func RestorePassword(ctx workflow.Context, in RestorePasswordInput) (RestorePasswordOutput, error) {
	return operation.Call[RestorePasswordOutput](ctx, Capability, activityRestorePassword, changeFor, in)
}

// DisableRoleInput asks for DisableRole.
type DisableRoleInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
	Role   string       `json:"role"`
}

// DisableRoleOutput answers DisableRole.
type DisableRoleOutput struct{}

// DisableRole takes a role the right to log in.
func DisableRole(ctx workflow.Context, in DisableRoleInput) (DisableRoleOutput, error) {
	return operation.Call[DisableRoleOutput](ctx, Capability, activityDisableRole, changeFor, in)
}

// RemoveRoleInput asks for RemoveRole.
type RemoveRoleInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
	Role   Role         `json:"role"`
}

// RemoveRoleOutput answers RemoveRole.
type RemoveRoleOutput struct{}

// RemoveRole removes the role that carries the operation's key.
func RemoveRole(ctx workflow.Context, in RemoveRoleInput) (RemoveRoleOutput, error) {
	return operation.Call[RemoveRoleOutput](ctx, Capability, activityRemoveRole, changeFor, in)
}

// RemoveOwnedInput asks for RemoveOwned.
type RemoveOwnedInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
	Drop   []string     `json:"drop,omitempty"` // Databases to drop; the owner's others stay.
}

// RemoveOwnedOutput answers RemoveOwned.
type RemoveOwnedOutput struct {
	Found Found `json:"found"` // What was removed.
}

// RemoveOwned drops databases and all roles of the owner.
func RemoveOwned(ctx workflow.Context, in RemoveOwnedInput) (RemoveOwnedOutput, error) {
	return operation.Call[RemoveOwnedOutput](ctx, Capability, activityRemoveOwned, changeFor, in)
}

// DumpInput asks for Dump.
type DumpInput struct {
	System   string       `json:"system,omitempty"`
	Op       operation.Op `json:"op"`
	Database Database     `json:"database"`
}

// DumpOutput answers Dump.
type DumpOutput struct {
	Archive Archive `json:"archive"`
}

// Dump writes a database to a file.
func Dump(ctx workflow.Context, in DumpInput) (DumpOutput, error) {
	return operation.Call[DumpOutput](ctx, Capability, activityDump, 12*time.Hour, in)
}

// WriteConnectionInput asks for WriteConnection.
type WriteConnectionInput struct {
	System   string         `json:"system,omitempty"`
	Entrance string         `json:"entrance,omitempty"`
	Op       operation.Op   `json:"op"`
	Client   Client         `json:"client"`
	File     ConnectionFile `json:"file"`
	Role     string         `json:"role"`
	Database string         `json:"database"`
	Secret   secret.Ref     `json:"secret"` // With the version that the role was given.
}

// WriteConnectionOutput answers WriteConnection.
type WriteConnectionOutput struct{}

// WriteConnection puts a connection file on a machine.
func WriteConnection(ctx workflow.Context, in WriteConnectionInput) (WriteConnectionOutput, error) {
	return operation.Call[WriteConnectionOutput](ctx, Capability, activityWriteConnection, changeFor, in)
}

// RemoveConnectionInput asks for RemoveConnection.
type RemoveConnectionInput struct {
	Entrance string         `json:"entrance,omitempty"`
	Op       operation.Op   `json:"op"`
	Client   Client         `json:"client"`
	File     ConnectionFile `json:"file"`
}

// RemoveConnectionOutput answers RemoveConnection.
type RemoveConnectionOutput struct{}

// RemoveConnection removes a connection file.
func RemoveConnection(ctx workflow.Context, in RemoveConnectionInput) (RemoveConnectionOutput, error) {
	return operation.Call[RemoveConnectionOutput](ctx, Capability, activityRemoveConnection, changeFor, in)
}

// ProveInput asks for Prove.
type ProveInput struct {
	System   string         `json:"system,omitempty"`
	Entrance string         `json:"entrance,omitempty"`
	Client   Client         `json:"client"`
	File     ConnectionFile `json:"file"`
	Access   Access         `json:"access"`
}

// ProveOutput answers Prove.
type ProveOutput struct {
	Lines []string `json:"lines"` // What was seen.
}

// Prove connects from the machine with what its connection file says.
func Prove(ctx workflow.Context, in ProveInput) (ProveOutput, error) {
	return operation.Call[ProveOutput](ctx, Capability, activityProve, 5*time.Minute, in)
}
