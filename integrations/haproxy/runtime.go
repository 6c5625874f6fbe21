package haproxy

import (
	"context"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/loadbalancer"
)

// live is a server as HAProxy runs it.
type live struct {
	backend, name string
	address       string
	port          int
	id            int
	weight        int
	admin         int
	running       bool
	result        int // Of the last check: 3 passed, 4 passed with reservation.
	checks        int // Bits: 2 configured, 4 enabled, 8 paused.
	sessions      int
	check         string
}

// The bits of srv_admin_state (management.txt, "show servers state"): forced, inherited, by resolution, by hostname.
const (
	maintBits = 0x01 | 0x02 | 0x20 | 0x40
	drainBits = 0x08 | 0x10

	checksEnabled = 4
	checksPaused  = 8
)

func (l *live) state() loadbalancer.State {
	switch {
	case l == nil:
		return loadbalancer.Absent
	case l.admin&maintBits != 0:
		return loadbalancer.Maintenance
	case l.admin&drainBits != 0:
		return loadbalancer.Drain
	}
	return loadbalancer.Ready
}

// healthy wants a check that really passed: HAProxy takes a server for running before its first check.
func (l *live) healthy() bool {
	return l != nil && l.running && (l.result == 3 || l.result == 4) && l.checks&checksEnabled != 0 && l.checks&checksPaused == 0
}

// runtime returns the servers of a backend, or of all. NotFound: no such backend.
func (b *Balancer) runtime(ctx context.Context, backend string) ([]*live, error) {
	command := strings.TrimSpace("show servers state " + backend)
	states, err := b.ask(ctx, command)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(states, "Can't find backend") {
		return nil, b.noBackend(ctx, backend)
	}
	servers, err := parseStates(states)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "reading HAProxy's answer to "+command)
	}
	answer, err := b.ask(ctx, "show stat")
	if err != nil {
		return nil, err
	}
	stats, err := parseStats(answer)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "reading HAProxy's statistics")
	}
	for _, s := range servers {
		row := stats[s.backend+"/"+s.name]
		s.sessions, s.check = row.sessions, row.check
	}
	return servers, nil
}

func (b *Balancer) noBackend(ctx context.Context, backend string) error {
	answer, err := b.ask(ctx, "show backend")
	if err != nil {
		return err
	}
	var names []string
	for _, line := range strings.Split(answer, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			names = append(names, line)
		}
	}
	return fault.New(fault.NotFound, "HAProxy has no backend %q (there are: %s)", backend, strings.Join(names, ", "))
}

// parseStates reads "show servers state", version 1 of the format: columns are found by the names in the header.
func parseStates(text string) ([]*live, error) {
	version, rest, _ := strings.Cut(text, "\n")
	if strings.TrimSpace(version) != "1" {
		return nil, fmt.Errorf("expected version 1 of the server states, found %.40q", version)
	}
	header, rest, _ := strings.Cut(rest, "\n")
	columns := strings.Fields(strings.TrimPrefix(header, "#"))
	var servers []*live
	for _, line := range strings.Split(rest, "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) < len(columns) {
			return nil, fmt.Errorf("expected %d columns, found %d in %.120q", len(columns), len(fields), line)
		}
		row := map[string]string{}
		for i, column := range columns {
			row[column] = fields[i]
		}
		s, err := readState(row)
		if err != nil {
			return nil, err
		}
		servers = append(servers, s)
	}
	return servers, nil
}

func readState(row map[string]string) (*live, error) {
	s := &live{backend: row["be_name"], name: row["srv_name"], address: row["srv_addr"]}
	if s.backend == "" || s.name == "" {
		return nil, fmt.Errorf("expected the columns be_name and srv_name")
	}
	op := 0
	for column, into := range map[string]*int{
		"srv_port": &s.port, "srv_id": &s.id, "srv_uweight": &s.weight, "srv_admin_state": &s.admin,
		"srv_check_result": &s.result, "srv_check_state": &s.checks, "srv_op_state": &op,
	} {
		n, err := strconv.Atoi(row[column])
		if err != nil {
			return nil, fmt.Errorf("column %s of %s/%s: expected a number, found %.40q", column, s.backend, s.name, row[column])
		}
		*into = n
	}
	s.running = op == 2
	return s, nil
}

// stat is what the statistics add.
type stat struct {
	sessions int
	check    string
}

// parseStats reads "show stat" and returns its servers by "backend/name".
func parseStats(text string) (map[string]stat, error) {
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(strings.TrimLeft(text, "\n"), "# ")))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil || len(rows) == 0 || len(rows[0]) < 2 || rows[0][0] != "pxname" {
		return nil, fmt.Errorf("expected CSV that begins with pxname, found %.60q", text)
	}
	stats := map[string]stat{}
	for _, fields := range rows[1:] {
		row := map[string]string{}
		for i, column := range rows[0] {
			if i < len(fields) {
				row[column] = fields[i]
			}
		}
		if row["type"] != "2" {
			continue
		}
		sessions, err := strconv.Atoi(row["scur"])
		if err != nil {
			return nil, fmt.Errorf("column scur of %s/%s: expected a number, found %.40q", row["pxname"], row["svname"], row["scur"])
		}
		stats[row["pxname"]+"/"+row["svname"]] = stat{sessions: sessions, check: words(row["status"], row["check_status"], row["check_code"], row["check_desc"], row["last_chk"])}
	}
	return stats, nil
}

func words(parts ...string) string {
	var said []string
	for _, part := range parts {
		if part != "" {
			said = append(said, part)
		}
	}
	return strings.Join(said, " ")
}
