package mysql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/dolthub/go-mysql-server/memory"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"fermata/sandbox/keep"
)

// Tables are kept as SQL: what makes them anew. The whole file is written after each change; a sandbox has few rows.

// end parts statements in the file. No literal holds it: the engine writes a newline as \n.
const end = ";\n"

// own is a context of the administrator's.
func (s *Server) own(ctx context.Context) *sql.Context {
	base := sql.NewBaseSessionWithClientServer("sandbox", sql.Client{User: s.options.AdminUser, Address: "%"}, 0)
	return sql.NewContext(ctx, sql.WithSession(memory.NewSession(base, s.provider)))
}

// query runs a statement and hands its rows on.
func (s *Server) query(ctx *sql.Context, statement string, each func(sql.Schema, sql.Row) error) error {
	schema, rows, _, err := s.engine.Query(ctx, statement)
	if err != nil {
		return err
	}
	for {
		row, err := rows.Next(ctx)
		if errors.Is(err, io.EOF) {
			return rows.Close(ctx)
		}
		if err == nil {
			err = each(schema, row)
		}
		if err != nil {
			return errors.Join(err, rows.Close(ctx))
		}
	}
}

func (s *Server) readTables() error {
	text, err := os.ReadFile(s.path("tables.sql"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	ctx := s.own(context.Background())
	for statement := range strings.SplitSeq(string(text), end) {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if err := s.query(ctx, statement, func(sql.Schema, sql.Row) error { return nil }); err != nil {
			return fmt.Errorf("reading %s: %w: remove it to begin anew", s.path("tables.sql"), err)
		}
	}
	return nil
}

func (s *Server) saveTables() error {
	ctx := s.own(context.Background())
	var text strings.Builder
	for _, db := range s.provider.AllDatabases(ctx) {
		if db.Name() == "information_schema" || db.Name() == "mysql" {
			continue
		}
		text.WriteString("CREATE DATABASE " + quoted(db.Name()) + end + "USE " + quoted(db.Name()) + end)
		ctx.SetCurrentDatabase(db.Name())
		names, err := db.GetTableNames(ctx)
		if err != nil {
			return fmt.Errorf("saving tables: %w", err)
		}
		slices.Sort(names)
		for _, table := range names {
			if err := s.saveTable(ctx, &text, table); err != nil {
				return fmt.Errorf("saving table %s: %w", table, err)
			}
		}
	}
	return keep.Replace(s.path("tables.sql"), []byte(text.String()))
}

func (s *Server) saveTable(ctx *sql.Context, text *strings.Builder, table string) error {
	err := s.query(ctx, "SHOW CREATE TABLE "+quoted(table), func(_ sql.Schema, row sql.Row) error {
		text.WriteString(row[1].(string) + end)
		return nil
	})
	if err != nil {
		return err
	}
	return s.query(ctx, "SELECT * FROM "+quoted(table), func(schema sql.Schema, row sql.Row) error {
		text.WriteString("INSERT INTO " + quoted(table) + " VALUES (")
		for i, column := range schema {
			value, err := column.Type.SQL(ctx, nil, row[i])
			if err != nil {
				return err
			}
			if i > 0 {
				text.WriteString(", ")
			}
			value.EncodeSQL(text)
		}
		text.WriteString(")" + end)
		return nil
	})
}

func quoted(name string) string { return sqlparser.String(sqlparser.NewTableIdent(name)) }
