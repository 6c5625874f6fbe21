package database

import (
	"context"
	"io/fs"
	"strconv"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/secret"
)

// WriteConnection puts a connection file, and the certificates to trust, on a machine. The file is rendered by the server whose
// clients read it, and travels through the entrance.
func (a *Activities) WriteConnection(ctx context.Context, in WriteConnectionInput) (WriteConnectionOutput, error) {
	return operation.Change(ctx, a.servers, in.System, func(s Server, _ operation.Progress) (WriteConnectionOutput, error) {
		entrance, err := a.entrances.Get(in.Entrance)
		if err != nil {
			return WriteConnectionOutput{}, err
		}
		return WriteConnectionOutput{}, a.writeConnection(ctx, s, entrance, in)
	})
}

func (a *Activities) writeConnection(ctx context.Context, s Server, entrance Entrance, in WriteConnectionInput) error {
	if err := in.check(); err != nil {
		return err
	}
	password, err := a.secrets.Resolve(ctx, in.Secret)
	if err != nil {
		return err
	}
	ca := s.ClientEndpoint().CA
	content, err := s.Render(Credentials{Role: in.Role, Database: in.Database, Password: password}, in.File.caPath(ca))
	if err != nil {
		return hidden(err, password)
	}
	if ca != "" {
		if err := entrance.WriteFile(ctx, in.Op, in.Client, in.File.CA(), secret.NewValue([]byte(ca))); err != nil {
			return err
		}
	}
	return hidden(entrance.WriteFile(ctx, in.Op, in.Client, in.File, content), password)
}

// check refuses what cannot be written. A password of no version could be another than the one that the role was given.
func (in WriteConnectionInput) check() error {
	for _, err := range []error{CheckOp(in.Op), in.File.Check(), CheckRole(in.Role), CheckDatabase(in.Database)} {
		if err != nil {
			return err
		}
	}
	if in.Secret.Version() == "" {
		return fault.New(fault.Invalid, "connection file %s: expected the version of %s that role %s was given, found none", in.File.Path, in.Secret, in.Role)
	}
	return nil
}

// caPath is the path of the certificates to trust; empty where there are none.
func (f ConnectionFile) caPath(certificates string) string {
	if certificates == "" {
		return ""
	}
	return f.CA().Path
}

// RemoveConnection removes a connection file, and the certificates beside it.
func (a *Activities) RemoveConnection(ctx context.Context, in RemoveConnectionInput) (RemoveConnectionOutput, error) {
	return operation.Change(ctx, a.entrances, in.Entrance, func(e Entrance, _ operation.Progress) (RemoveConnectionOutput, error) {
		if err := CheckOp(in.Op); err != nil {
			return RemoveConnectionOutput{}, err
		}
		if err := in.File.Check(); err != nil {
			return RemoveConnectionOutput{}, err
		}
		if err := e.RemoveFile(ctx, in.Op, in.Client, in.File.Path); err != nil {
			return RemoveConnectionOutput{}, err
		}
		return RemoveConnectionOutput{}, e.RemoveFile(ctx, in.Op, in.Client, in.File.CA().Path)
	})
}

// Prove connects from the machine with what its connection file says.
func (a *Activities) Prove(ctx context.Context, in ProveInput) (ProveOutput, error) {
	return operation.Read(ctx, a.servers, in.System, func(s Server) (ProveOutput, error) {
		entrance, err := a.entrances.Get(in.Entrance)
		if err != nil {
			return ProveOutput{}, err
		}
		credentials, err := readBack(ctx, s, entrance, in)
		if err != nil {
			return ProveOutput{}, err
		}
		lines := []string{in.File.Path + " on " + in.Client.Name + " has the mode " + in.File.Mode + " and the owner " + in.File.Owner}
		err = entrance.Through(ctx, in.Client, func(dial Dial) error {
			seen, err := s.Prove(ctx, dial, credentials, in.Access)
			lines = append(lines, seen...)
			return err
		})
		if err != nil {
			return ProveOutput{}, hidden(err, credentials.Password)
		}
		return ProveOutput{Lines: lines}, nil
	})
}

// readBack reads the connection file as the application would, and checks who else may.
func readBack(ctx context.Context, s Server, entrance Entrance, in ProveInput) (Credentials, error) {
	if err := in.File.Check(); err != nil {
		return Credentials{}, err
	}
	if err := in.Access.Check(); err != nil {
		return Credentials{}, err
	}
	ca := s.ClientEndpoint().CA
	if ca != "" {
		trusted, err := readFile(ctx, entrance, in.Client, in.File.CA())
		if err != nil {
			return Credentials{}, err
		}
		if string(trusted.Reveal()) != ca {
			return Credentials{}, fault.New(fault.Conflict, "%s on %s holds other certificates than those of the server", in.File.CA().Path, in.Client.Name)
		}
	}
	content, err := readFile(ctx, entrance, in.Client, in.File)
	if err != nil {
		return Credentials{}, err
	}
	credentials, err := s.Parse(content, in.File.caPath(ca))
	return credentials, hidden(err, content)
}

func readFile(ctx context.Context, entrance Entrance, c Client, f ConnectionFile) (secret.Value, error) {
	content, mode, owner, err := entrance.ReadFile(ctx, c, f.Path)
	if err != nil {
		return secret.Value{}, err
	}
	wanted, err := strconv.ParseUint(f.Mode, 8, 12)
	switch {
	case err != nil:
		return secret.Value{}, fault.Wrap(fault.Invalid, err, "reading the mode of "+f.Path)
	case mode != fs.FileMode(wanted):
		return secret.Value{}, fault.New(fault.Conflict, "%s on %s has the mode %04o, expected %s", f.Path, c.Name, mode, f.Mode)
	case owner != f.Owner && !strings.HasPrefix(owner, f.Owner+":"):
		return secret.Value{}, fault.New(fault.Conflict, "%s on %s belongs to %s, expected %s", f.Path, c.Name, owner, f.Owner)
	}
	return content, nil
}
