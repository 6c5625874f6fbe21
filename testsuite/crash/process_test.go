package crash

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"fermata/client"
	"fermata/testsuite/judge"
	"fermata/wire"
)

// process is a workflow as the suite carries it. One that is carried in several ways has a word behind a comma for the others.
type process string

// The processes that are not just a workflow's type.
const (
	rotationAgain process = wire.RotateDatabasePassword + ", again"  // Both logins are there: the other takes its turn.
	archiving     process = wire.DecommissionInstance + ", archived" // The database is dumped and dropped; else somebody approves the drop.
)

// workflow is the type that carries it.
func (p process) workflow() string {
	name, _, _ := strings.Cut(string(p), ",")
	return name
}

// differs are the steps by which a process differs from the same workflow carried in another way: only they are met again.
func (p process) differs() []string {
	return map[process][]string{rotationAgain: {"role", "login"}, archiving: {"archive", "drop"}}[p]
}

// subject is what goes through processes: a server or an instance.
type subject interface {
	name() string // Of the subject itself: web-001.
	// target is the id of the workflow that carries a process of it.
	target(p process) string
	// request asks for a process; what is decommissioned is kept so long before it is gone for good.
	request(p process, grace time.Duration) (client.Request, error)
	facts(ctx context.Context, j *judge.Judge) ([]string, error)
	// served reports whether the systems have found out by themselves that it is in service.
	served(facts []string) bool
}

// meant reports whether the long form is to meet a process.
func meant(p process) bool {
	return slices.ContainsFunc(strings.Split(meantBy, ","), func(begin string) bool { return strings.HasPrefix(string(p), begin) })
}

// own stands in the ids of steps for a subject's name.
const own = "NAME"

// standing is where a process of a subject stands in a step.
func standing(p process, s subject, step string) place {
	return place{Workflow: p.workflow(), Target: s.target(p), Step: strings.ReplaceAll(step, own, s.name())}
}

// life is a row of processes that a subject goes through.
type life struct {
	name   string
	course []process
	born   func(t *testing.T, n int) subject
	calm   int // Number of the one that nobody disturbs.
}

func server(t *testing.T, n int) subject   { t.Helper(); return numbered(t, n) }
func instance(t *testing.T, n int) subject { t.Helper(); return numberedInstance(t, n) }

// calmest is the lowest number of an instance that nobody disturbs.
const calmest = 991

// lives are all that the suite carries.
func lives() []life {
	return []life{
		{"server", []process{wire.ProvisionServer, wire.ChangeServer, wire.DecommissionServer}, server, 0},
		{"instance", []process{wire.ProvisionInstance, wire.DecommissionInstance}, instance, 991},
		{"rotated", []process{wire.ProvisionInstance, wire.RotateDatabasePassword, rotationAgain}, instance, 992},
		{"archived", []process{wire.ProvisionInstance, archiving}, instance, 993},
		{"expired", []process{wire.ProvisionInstance, wire.ExpireAccount}, instance, 994},
	}
}

// processes are those of all lives, each once.
func processes() (all []process) {
	for _, l := range lives() {
		for _, p := range l.course {
			if !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	return all
}
