package mysql

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/mysql_db"
	vitess "github.com/dolthub/vitess/go/mysql"
	"github.com/dolthub/vitess/go/sqltypes"
	querypb "github.com/dolthub/vitess/go/vt/proto/query"
)

// handler stands between the protocol and the engine.
type handler struct {
	vitess.Handler
	server *Server
	// mu is held by each statement: a session of the engine's tables in memory puts back all that it has read when it commits, and
	// would undo what another did meanwhile.
	mu sync.Mutex
}

var (
	reads  = regexp.MustCompile(`(?is)^\s*(select|show|set|use|explain|describe|desc|begin|start|rollback|commit|kill)\b`)
	secure = regexp.MustCompile(`(?i)\s+require\s+ssl\b`) // In CREATE USER the engine takes it, in ALTER USER it has no word for it.
	lock   = regexp.MustCompile(`(?is)^\s*(alter user '([^']*)'@'([^']*)'.*?)\s+account (lock|unlock)\s*$`)
	bare   = regexp.MustCompile(`(?is)^\s*alter user '[^']*'@'[^']*'$`)
	revoke = regexp.MustCompile(`(?is)^\s*revoke all privileges, grant option from '([^']*)'@'([^']*)'\s*$`)
	grant  = regexp.MustCompile(`(?is)^\s*(grant|revoke)\b`)
	schema = regexp.MustCompile("(?is)^\\s*(create|drop)\\s+(?:database|schema)\\s+(?:if\\s+(?:not\\s+)?exists\\s+)?`?([^`\\s;]+)")
	own    = regexp.MustCompile(`(?is)^\s*show grants\s*$`)
	// marks are those of a transaction that a dump reads in. Nothing is read twice in it, so there is nothing to go back to.
	marks = regexp.MustCompile(`(?is)^\s*(savepoint|release\s+savepoint|rollback\s+to(\s+savepoint)?)\s+\S+\s*$`)
	shown = regexp.MustCompile("ON `([^`*]+)`\\.\\*")
)

// ComInitDB chooses a database.
func (h *handler) ComInitDB(c *vitess.Conn, name string) error {
	return numbered(h.Handler.ComInitDB(c, name))
}

// ComQuery does one statement. What changes something is saved before it is answered.
func (h *handler) ComQuery(ctx context.Context, c *vitess.Conn, query string, answer vitess.ResultSpoolFn) error {
	if h.server.options.Log != nil {
		fmt.Fprintf(h.server.options.Log, "%s: %s\n", c.User, query)
	}
	if err := h.cutOff(c); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if own.MatchString(query) {
		return h.ownGrants(ctx, c, h.escaped(query, answer))
	}
	if marks.MatchString(query) {
		return answer(&sqltypes.Result{}, false)
	}
	if reads.MatchString(query) {
		return numbered(h.Handler.ComQuery(ctx, c, query, h.escaped(query, answer)))
	}
	var held []*sqltypes.Result
	if err := h.change(ctx, c, query, func(r *sqltypes.Result, _ bool) error { held = append(held, r); return nil }); err != nil {
		return numbered(err)
	}
	if err := h.server.saveTables(); err != nil {
		return err
	}
	for i, r := range held {
		if err := answer(r, i < len(held)-1); err != nil {
			return err
		}
	}
	return nil
}

// change does what the engine's grammar lacks, and has the engine do the rest.
func (h *handler) change(ctx context.Context, c *vitess.Conn, query string, answer vitess.ResultSpoolFn) error {
	if m := lock.FindStringSubmatch(query); m != nil {
		if alter := secure.ReplaceAllString(m[1], ""); !bare.MatchString(alter) {
			if err := h.Handler.ComQuery(ctx, c, alter, func(*sqltypes.Result, bool) error { return nil }); err != nil {
				return err
			}
		}
		return h.account(c, m[2], m[3], answer, func(u *mysql_db.User) { u.Locked = strings.EqualFold(m[4], "lock") })
	}
	if m := revoke.FindStringSubmatch(query); m != nil {
		return h.account(c, m[1], m[2], answer, func(u *mysql_db.User) { u.PrivilegeSet.ClearAll() })
	}
	if m := schema.FindStringSubmatch(query); m != nil && !h.mayAll(c, m[2], m[1]) {
		return vitess.NewSQLError(1044, "42000", "Access denied for user '%s'@'%%' to database '%s'", c.User, m[2])
	}
	if grant.MatchString(query) { // The engine knows no wildcards, and so no escaped ones.
		query = strings.ReplaceAll(query, `\_`, "_")
	}
	return h.Handler.ComQuery(ctx, c, query, answer)
}

// mayAll reports whether an account may make or drop that database: the engine asks for the right in the session's own.
func (h *handler) mayAll(c *vitess.Conn, db, verb string) bool {
	right := sql.PrivilegeType_Create
	if strings.EqualFold(verb, "drop") {
		right = sql.PrivilegeType_Drop
	}
	accounts := h.server.accounts()
	reader := accounts.Reader()
	defer reader.Close()
	by := accounts.GetUser(reader, c.User, "%", false)
	return by != nil && (by.PrivilegeSet.Has(right) || by.PrivilegeSet.Database(db).Has(right))
}

// account changes an account for who may do so.
func (h *handler) account(c *vitess.Conn, name, host string, answer vitess.ResultSpoolFn, change func(*mysql_db.User)) error {
	accounts := h.server.accounts()
	editor := accounts.Editor()
	defer editor.Close()
	by := accounts.GetUser(editor, c.User, "%", false)
	if by == nil || !by.PrivilegeSet.Has(sql.PrivilegeType_CreateUser) {
		return vitess.NewSQLError(1227, "42000", "Access denied; you need (at least one of) the CREATE USER privilege(s) for this operation")
	}
	user, ok := editor.GetUser(mysql_db.UserPrimaryKey{User: name, Host: host})
	if !ok {
		return vitess.NewSQLError(1396, "HY000", "Operation ALTER USER failed for '%s'@'%s'", name, host)
	}
	changed := *user
	changed.PrivilegeSet = user.PrivilegeSet.Copy()
	change(&changed)
	editor.RemoveUser(mysql_db.UserPrimaryKey{User: name, Host: host}) // The engine would keep both.
	editor.PutUser(&changed)
	if err := accounts.Persist(sql.NewEmptyContext(), editor); err != nil {
		return err
	}
	return answer(&sqltypes.Result{}, false)
}

// cutOff ends the session of an account that is locked or gone.
func (h *handler) cutOff(c *vitess.Conn) error {
	accounts := h.server.accounts()
	reader := accounts.Reader()
	defer reader.Close()
	if user := accounts.GetUser(reader, c.User, "%", false); user != nil && !user.Locked {
		return nil
	}
	c.Close()
	return vitess.NewSQLError(3118, "HY000", "Access denied for user '%s'. Account is locked.", c.User)
}

// ownGrants shows an account its grants, for which the engine wants rights on its tables of accounts.
func (h *handler) ownGrants(ctx context.Context, c *vitess.Conn, answer vitess.ResultSpoolFn) error {
	r := &sqltypes.Result{Fields: []*querypb.Field{{Name: "Grants for " + c.User, Type: sqltypes.VarChar}}}
	err := h.server.query(h.server.own(ctx), "SHOW GRANTS FOR '"+c.User+"'@'%'", func(_ sql.Schema, row sql.Row) error {
		r.Rows = append(r.Rows, []sqltypes.Value{sqltypes.NewVarChar(fmt.Sprint(row[0]))})
		return nil
	})
	if err != nil {
		return numbered(err)
	}
	return answer(r, false)
}

// escaped shows the underscores of grants as MySQL does.
func (h *handler) escaped(query string, answer vitess.ResultSpoolFn) vitess.ResultSpoolFn {
	if !strings.HasPrefix(strings.ToLower(strings.TrimSpace(query)), "show grants") {
		return answer
	}
	return func(r *sqltypes.Result, more bool) error {
		for _, row := range r.Rows {
			for i, value := range row {
				text := shown.ReplaceAllStringFunc(value.ToString(), func(on string) string { return strings.ReplaceAll(on, "_", `\_`) })
				row[i] = sqltypes.NewVarChar(text)
			}
		}
		return answer(r, more)
	}
}

// ComPrepare prepares a statement.
func (h *handler) ComPrepare(ctx context.Context, c *vitess.Conn, query string, prepare *vitess.PrepareData) ([]*querypb.Field, error) {
	if err := h.cutOff(c); err != nil {
		return nil, err
	}
	fields, err := h.Handler.ComPrepare(ctx, c, query, prepare)
	return fields, numbered(err)
}

// ComStmtExecute executes a prepared statement.
func (h *handler) ComStmtExecute(ctx context.Context, c *vitess.Conn, prepare *vitess.PrepareData, answer func(*sqltypes.Result) error) error {
	if err := h.cutOff(c); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if reads.MatchString(prepare.PrepareStmt) {
		return numbered(h.Handler.ComStmtExecute(ctx, c, prepare, answer))
	}
	var held []*sqltypes.Result
	err := h.Handler.ComStmtExecute(ctx, c, prepare, func(r *sqltypes.Result) error { held = append(held, r); return nil })
	if err == nil {
		err = h.server.saveTables()
	}
	for _, r := range held {
		if err == nil {
			err = answer(r)
		}
	}
	return numbered(err)
}

// numbers are MySQL's, by what the engine says.
var numbers = []struct {
	says   *regexp.Regexp
	number int
	state  string
}{
	{regexp.MustCompile(`^command denied to user`), 1142, "42000"},
	{regexp.MustCompile(`^Access denied for user .* to database`), 1044, "42000"},
	{regexp.MustCompile(`^Access denied for user .* to table`), 1142, "42000"},
	{regexp.MustCompile(`^Operation (CREATE|ALTER|DROP) USER failed`), 1396, "HY000"},
}

// numbered gives an error the number that MySQL gives it, where the engine has none.
func numbered(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	var said *vitess.SQLError
	if errors.As(err, &said) {
		text = said.Message
	}
	for _, n := range numbers {
		if n.says.MatchString(text) {
			return vitess.NewSQLError(n.number, n.state, "%s", text)
		}
	}
	return err
}
