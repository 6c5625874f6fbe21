package databasetest

import (
	"fmt"
	"sync"

	"github.com/stretchr/testify/require"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/activities/operation"
)

func losesDatabase(r *rig) {
	r.lossProof(func() {}, func(s database.Server) error { return s.EnsureDatabase(r.ctx, r.op, r.db, r.p) }, func() {
		r.untouched(r.makeDatabase)
		require.NoError(r, r.driver.RemoveDatabase(r.ctx, r.op, r.db, r.p))
		require.Empty(r, r.Dump(r.T))
	})
	r.lossProof(r.makeDatabase, func(s database.Server) error { return s.RemoveDatabase(r.ctx, r.op, r.db, r.p) }, func() {
		require.Empty(r, r.Dump(r.T))
	})
}

func losesRole(r *rig) {
	r.makeDatabase()
	before := r.Dump(r.T)
	role, op := r.role("app", database.Owner), r.step("role/app")
	r.lossProof(func() {}, func(s database.Server) error { return s.EnsureRole(r.ctx, op, role, value(first), r.p) }, func() {
		r.logsIn(role, first, true)
		require.NoError(r, r.driver.RemoveRole(r.ctx, op, role, r.p))
		require.Equal(r, before, r.Dump(r.T))
	})
	r.lossProof(func() { r.makeRole("app", database.Owner) }, func(s database.Server) error { return s.RemoveRole(r.ctx, op, role, r.p) }, func() {
		require.Equal(r, before, r.Dump(r.T))
	})
}

func losesPassword(r *rig) {
	r.makeDatabase()
	role, _ := r.makeRole("app", database.Owner)
	r.lossProof(func() {
		require.NoError(r, r.driver.SetPassword(r.ctx, r.step("rotate/1"), role.Name, value(first), r.p))
	},
		func(s database.Server) error {
			return s.SetPassword(r.ctx, r.step("rotate/2"), role.Name, value(second), r.p)
		},
		func() { r.logsIn(role, second, true); r.logsIn(role, first, false) })
}

func losesOwned(r *rig) {
	r.lossProof(func() { r.makeDatabase(); r.makeRole("app", database.Owner) }, func(s database.Server) error {
		_, err := s.RemoveOwned(r.ctx, r.step("decommission"), []string{r.db.Name}, r.p)
		return err
	}, func() { require.Empty(r, r.Dump(r.T)) })
}

// race lets many runs ask for one name at once. Exactly one gets it.
func race(r *rig) {
	const many = 6
	errs := make([]error, many)
	ops := make([]operation.Op, many)
	var group sync.WaitGroup
	for i := range many {
		driver := r.Driver(r.T)
		ops[i] = r.opOf(fmt.Sprintf("01JRUN%d", i), "database", "web-"+r.Suffix)
		group.Go(func() {
			for range 100 { // A server under load may ask to come again.
				errs[i] = driver.EnsureDatabase(r.ctx, ops[i], r.db, &operation.Memory{})
				if errs[i] == nil || !fault.KindOf(errs[i]).Retryable() {
					return
				}
			}
		})
	}
	group.Wait()
	found, err := r.driver.Find(r.ctx, []string{r.db.Name}, "")
	require.NoError(r, err)
	require.Len(r, found.Databases, 1)
	for i, err := range errs {
		if ops[i].Key.String() == found.Databases[0].Key {
			require.NoError(r, err)
		} else {
			r.refuses(err, fault.Conflict, r.db.Name)
		}
	}
}
