// Package nft emulates nftables: the nft command over a rule set, as release 1.0.6 speaks, and the judgement of packets by
// that rule set, so that a network that asks it really filters.
//
// The promise: a script takes effect as a whole or not at all, what lies in the kernel is lost by a reboot, and what the
// emulator does not know is a syntax error, never silently accepted.
package nft

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// Ruleset is the state of one host's packet filter. It is safe for concurrent use; New makes one.
type Ruleset struct {
	mu    sync.Mutex
	path  string
	state state
	// glob finds the files that an include with wildcards names.
	glob func(pattern string) []string
}

// state is all that the kernel would hold.
type state struct {
	Tables []*table `json:"tables"`
	Handle int      `json:"handle"` // Given last to a table.
}

type table struct {
	Family string   `json:"family"`
	Name   string   `json:"name"`
	Number int      `json:"number"`
	Handle int      `json:"handle"` // Given last to something in the table.
	Chains []*chain `json:"chains,omitempty"`
	Sets   []*set   `json:"sets,omitempty"`
}

type chain struct {
	Name     string  `json:"name"`
	Number   int     `json:"number"`
	Type     string  `json:"type,omitempty"` // Empty: not a base chain.
	Hook     string  `json:"hook,omitempty"`
	Priority int     `json:"priority,omitempty"`
	Policy   string  `json:"policy,omitempty"`
	Rules    []*rule `json:"rules,omitempty"`
}

type rule struct {
	Number  int          `json:"number"`
	Parts   []expression `json:"parts"`
	Comment string       `json:"comment,omitempty"`
}

// expression is one part of a rule: a match, a statement, or the verdict.
type expression struct {
	Kind   string   `json:"kind"` // match, counter, accept, drop, return, reject, jump, goto, log.
	Left   string   `json:"left,omitempty"`
	Not    bool     `json:"not,omitempty"`
	Values []string `json:"values,omitempty"`
	Braces bool     `json:"braces,omitempty"`
	Target string   `json:"target,omitempty"` // Chain of a jump, set of a match, prefix of a log.
}

type set struct {
	Name     string    `json:"name"`
	Number   int       `json:"number"`
	Type     string    `json:"type"`
	Flags    []string  `json:"flags,omitempty"`
	Elements []element `json:"elements,omitempty"`
}

type element struct {
	Value   string `json:"value"`
	Timeout string `json:"timeout,omitempty"`
	Until   int64  `json:"until,omitempty"` // Unix milliseconds; 0: for ever.
	Comment string `json:"comment,omitempty"`
}

// New returns an empty rule set. With a path it finds the rules that an earlier process left there (a sandbox that was
// killed), and keeps them there.
func New(path string) (*Ruleset, error) {
	r := &Ruleset{path: path}
	if path == "" {
		return r, nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the packet filter's state: %w", err)
	}
	if err := json.Unmarshal(data, &r.state); err != nil {
		return nil, fmt.Errorf("reading the packet filter's state %s: %w", path, err)
	}
	return r, nil
}

// SetGlob tells how an include with wildcards finds files on the host; without it such an include finds none.
func (r *Ruleset) SetGlob(glob func(pattern string) []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.glob = glob
}

// Reset forgets all rules, as a reboot does.
func (r *Ruleset) Reset() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = state{}
	return r.keep()
}

// LoadFile carries out a file, as the service nftables does at its start and at a reload. On an error nothing changes.
func (r *Ruleset) LoadFile(name string, readFile func(string) ([]byte, error)) error {
	var out errorText
	if exit := r.Command([]string{"-f", name}, nil, readFile, &out, &out); exit != 0 {
		return fmt.Errorf("loading %s: %s", name, out)
	}
	return nil
}

type errorText []byte

func (e *errorText) Write(p []byte) (int, error) { *e = append(*e, p...); return len(p), nil }

// keep writes the state to its file, atomically.
func (r *Ruleset) keep() error {
	if r.path == "" {
		return nil
	}
	data, err := json.Marshal(r.state)
	if err != nil {
		return fmt.Errorf("writing the packet filter's state: %w", err)
	}
	temp, err := os.CreateTemp(filepath.Dir(r.path), ".nft-*")
	if err != nil {
		return fmt.Errorf("writing the packet filter's state: %w", err)
	}
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), r.path)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
		return fmt.Errorf("writing the packet filter's state: %w", err)
	}
	return nil
}

// clone copies what a script may change before it fails. Rules are never changed in place.
func (s state) clone() state {
	tables := make([]*table, len(s.Tables))
	for i, t := range s.Tables {
		copied := *t
		copied.Chains = make([]*chain, len(t.Chains))
		for j, c := range t.Chains {
			chain := *c
			chain.Rules = slices.Clone(c.Rules)
			copied.Chains[j] = &chain
		}
		copied.Sets = make([]*set, len(t.Sets))
		for j, c := range t.Sets {
			set := *c
			set.Elements = slices.Clone(c.Elements)
			copied.Sets[j] = &set
		}
		tables[i] = &copied
	}
	return state{Tables: tables, Handle: s.Handle}
}

func (s *state) table(family, name string) *table {
	for _, t := range s.Tables {
		if t.Family == family && t.Name == name {
			return t
		}
	}
	return nil
}

func (t *table) chain(name string) *chain {
	for _, c := range t.Chains {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func (t *table) set(name string) *set {
	for _, s := range t.Sets {
		if s.Name == name {
			return s
		}
	}
	return nil
}

func (t *table) next() int { t.Handle++; return t.Handle }
