package estate

import (
	"context"
	"path/filepath"

	"fermata/sandbox/estate/certificate"
	"fermata/sandbox/estate/ldap"
)

// StaffAdmin may change the directory. StaffGroups are there from the beginning.
const StaffAdmin = "cn=fermata,dc=estate,dc=test"

// StaffGroups are the groups of the directory.
func StaffGroups() []string { return []string{"shop-operators", "shop-readers"} }

func (e *Estate) startStaff(context.Context) error {
	if e.o.StaffPassword == "" {
		return nil
	}
	folder, err := e.folder(Staff)
	if err != nil {
		return err
	}
	e.Staff, err = ldap.Start(ldap.Options{
		Folder: folder, Listen: before(folder), AdminDN: StaffAdmin, AdminPassword: e.o.StaffPassword, Base: "dc=estate,dc=test", Groups: StaffGroups(),
		Faults: e.o.Faults[Staff],
	})
	if err != nil {
		return err
	}
	e.onClose(e.Staff.Close)
	return remember(folder, hostOf(e.Staff.URL()))
}

// StaffCA is the certificate of the directory, which clients trust.
func (e *Estate) StaffCA() string { return certificate.File(filepath.Join(e.o.Folder, Staff)) }
