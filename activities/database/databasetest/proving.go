package databasetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/stretchr/testify/require"

	"fermata/activities/database"
	"fermata/activities/fault"
)

func proves(r *rig) {
	r.makeDatabase()
	for _, with := range []string{"no tables", "tables"} {
		for _, access := range []database.Access{database.ReadOnly, database.ReadWrite, database.Owner} {
			role, db := r.makeRole(string(access), access)
			r.untouched(func() {
				lines, err := r.prove(role, first)
				require.NoError(r, err, "%s with %s", access, with)
				require.GreaterOrEqual(r, len(lines), 3, "%q", lines)
				require.Contains(r, strings.Join(lines, "\n"), role.Name)
				require.Contains(r, strings.Join(lines, "\n"), "refused")
			})
			if access == database.Owner && with == "no tables" {
				r.may(db, table)
			}
		}
	}
}

func rendersFile(r *rig) {
	ca := ""
	if r.driver.ClientEndpoint().CA != "" {
		ca = "/srv/app/db.conf.ca.pem"
	}
	c := database.Credentials{Role: "app_" + r.Suffix, Database: r.db.Name, Password: value(first)}
	content, err := r.driver.Render(c, ca)
	require.NoError(r, err)
	require.Contains(r, content.Text(), first)
	require.Contains(r, content.Text(), fmt.Sprint(r.driver.ClientEndpoint().Port))
	read, err := r.Driver(r.T).Parse(content, ca)
	require.NoError(r, err)
	require.Equal(r, c.Role+c.Database+first, read.Role+read.Database+read.Password.Text())
	require.NotContains(r, fmt.Sprintf("%v %+v", read, content), first)
}

func dumps(r *rig) {
	r.makeDatabase()
	_, owner := r.makeRole("owner", database.Owner)
	r.may(owner, table, "INSERT INTO goods VALUES (4711)")
	op := r.step("archive")
	archive, err := r.driver.Dump(r.ctx, op, r.db, r.p)
	require.NoError(r, err)
	content, err := os.ReadFile(archive.Path)
	require.NoError(r, err)
	sum := sha256.Sum256(content)
	require.Equal(r, database.Archive{Path: archive.Path, Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}, archive)
	require.Contains(r, string(content), "goods")
	require.NotContains(r, string(content), first)
	info, err := os.Stat(archive.Path)
	require.NoError(r, err)
	require.Equal(r, os.FileMode(0o600), info.Mode())
	r.may(owner, "INSERT INTO goods VALUES (4712)")
	again, err := r.driver.Dump(r.ctx, op, r.db, r.p)
	require.NoError(r, err)
	require.Equal(r, archive, again, "what op wrote is kept")
	other, err := r.driver.Dump(r.ctx, r.step("archive/2"), r.db, r.p)
	require.NoError(r, err)
	require.NotEqual(r, archive, other)
}

func provesNoLogin(r *rig) {
	r.makeDatabase()
	role, _ := r.makeRole("app", database.ReadWrite)
	_, err := r.prove(role, second)
	r.refuses(err, fault.Unauthorized)
	require.NoError(r, r.driver.DisableRole(r.ctx, r.step("disable"), role.Name, r.p))
	_, err = r.prove(role, first)
	r.refuses(err, fault.Unauthorized)
	_, err = r.prove(r.role("nobody", database.ReadOnly), first)
	r.refuses(err, fault.Unauthorized)
}

func provesNoServer(r *rig) {
	r.makeDatabase()
	role, _ := r.makeRole("app", database.ReadWrite)
	nowhere := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no route to host") }
	_, err := r.driver.Prove(r.ctx, nowhere, database.Credentials{Role: role.Name, Database: role.Database, Password: value(first)}, role.Access)
	r.refuses(err, fault.Unavailable)
	r.Relay.Down(true)
	_, err = r.prove(role, first)
	r.refuses(err, fault.Unavailable)
}

func provesExcess(r *rig) {
	r.makeDatabase()
	role, owner := r.makeRole("owner", database.Owner)
	r.may(owner, table)
	role.Access = database.ReadWrite
	_, err := r.prove(role, first)
	r.refuses(err, fault.Invalid, role.Name)
	role, _ = r.makeRole("writer", database.ReadWrite)
	role.Access = database.ReadOnly
	_, err = r.prove(role, first)
	r.refuses(err, fault.Invalid, role.Name)
	role, _ = r.makeRole("excess", database.Owner)
	r.Excess(r.T, role.Name)
	_, err = r.prove(role, first)
	r.refuses(err, fault.Invalid, role.Name)
}

func foreignFile(r *rig) {
	c := database.Credentials{Role: "app", Database: "shop", Password: value(first)}
	content, err := r.driver.Render(c, "")
	require.NoError(r, err)
	for _, change := range [][2]string{{"host=" + r.driver.ClientEndpoint().Host, "host=192.0.2.1"}, {"port=", "port=1"}} {
		require.Contains(r, content.Text(), change[0])
		_, err = r.driver.Parse(value(strings.Replace(content.Text(), change[0], change[1], 1)), "")
		r.refuses(err, fault.Conflict)
	}
	_, err = r.driver.Parse(content, "/srv/other/ca.pem")
	r.refuses(err, fault.Conflict)
}

func badFile(r *rig) {
	content, err := r.driver.Render(database.Credentials{Role: "app", Database: "shop", Password: value(first)}, "")
	require.NoError(r, err)
	for _, text := range []string{"", "\n", "{}", "password=" + first, strings.ReplaceAll(content.Text(), "=", " "), content.Text() + "\nbroken", "[x]\n" + first} {
		_, err := r.driver.Parse(value(text), "")
		r.refuses(err, fault.Invalid)
	}
	for _, c := range []database.Credentials{
		{Role: "app\nx", Database: "shop", Password: value(first)},
		{Role: "app", Database: "shop\n[x]", Password: value(first)},
		{Role: "app", Database: "shop", Password: value(first + "\nport=1")},
		{Role: "app", Database: "shop", Password: value("a'b\"c\\d # " + first)},
		{Role: "app", Database: "shop", Password: value("")},
	} {
		_, err := r.driver.Render(c, "")
		r.refuses(err, fault.Invalid)
	}
}

func noDump(r *rig) {
	r.makeDatabase()
	_, err := r.Bare(r.T).Dump(r.ctx, r.step("archive"), r.db, r.p)
	r.refuses(err, fault.Invalid, "archives")
	_, err = r.driver.Dump(r.ctx, r.opOf("01JRUNB", "archive", "web-99"), r.db, r.p)
	r.refuses(err, fault.Conflict, r.db.Name)
	_, err = r.driver.Dump(r.ctx, r.step("archive"), database.Database{Name: "none_" + r.Suffix}, r.p)
	r.refuses(err, fault.NotFound, "none_"+r.Suffix)
}
