package judge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
)

// InstanceFacts lists what the systems hold of one instance, as Facts does of a server.
func (j *Judge) InstanceFacts(ctx context.Context, name string) ([]string, error) {
	all, err := j.project(ctx)
	if err != nil {
		return nil, err
	}
	own := all.of(name)
	versions, err := j.passwords(name + "-database")
	if err != nil {
		return nil, err
	}
	facts := own.facts()
	for _, look := range []func() ([]string, error){
		func() ([]string, error) { return j.insideInstances(ctx, own.servers, versions) },
		func() ([]string, error) { return j.rules(ctx, name, name) },
		func() ([]string, error) { return j.staff(ctx, name) },
		func() ([]string, error) { return j.databases(ctx, name) },
		func() ([]string, error) { return j.secrets(ctx, name, versions) },
		func() ([]string, error) { return j.archives(name) },
		func() ([]string, error) { return j.ends(ctx, name) },
		func() ([]string, error) { return j.tickets("instance/" + name), nil },
		func() ([]string, error) { return j.records("instance/" + name) },
	} {
		found, err := look()
		if err != nil {
			return nil, err
		}
		facts = append(facts, found...)
	}
	addresses := j.addresses(name, own)
	for i := range facts {
		for a, called := range addresses {
			facts[i] = whole(a).ReplaceAllString(facts[i], called)
		}
		facts[i] = strings.ReplaceAll(plain(facts[i], name, name), under(name), "NAME")
	}
	slices.Sort(facts)
	return facts, nil
}

// addresses are those that the cloud gave the instance, by what they are called here: rules may name them longer than it lives.
func (j *Judge) addresses(name string, own project) map[string]string {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.seen == nil {
		j.seen = map[string]map[string]string{}
	}
	if j.seen[name] == nil {
		j.seen[name] = map[string]string{}
	}
	fixed, public := own.addresses()
	for _, a := range fixed {
		j.seen[name][a] = "ADDRESS"
	}
	for _, a := range public {
		j.seen[name][a] = "PUBLIC"
	}
	return maps.Clone(j.seen[name])
}

// instanceQuestions are asked inside an instance.
var instanceQuestions = []string{
	"hostname", "cat /etc/timezone", "cat /etc/fstab", "cat /etc/hello-web/hello-web.conf", "dpkg-query -W",
	"cut -d: -f1,5,7 /etc/passwd", "cut -d: -f1,2,8 /etc/shadow", "cut -d: -f1,4 /etc/group", "cat /etc/sudoers.d/*", "cat /home/anna/.ssh/authorized_keys",
	"systemctl is-active hello-web", "systemctl is-enabled hello-web", "stat -c '%U:%G %a' /srv/data", "findmnt -n -o TARGET,FSTYPE /srv/data",
	"stat -c '%n %U:%G %a' /etc/hello-web/*", "cat /etc/hello-web/database.cnf",
}

// insideInstances asks in the shells of the machines behind the cloud's servers. Of a password stands only which version it is.
func (j *Judge) insideInstances(ctx context.Context, servers []server, versions []kept) ([]string, error) {
	var facts []string
	for _, s := range servers {
		facts = append(facts, answers(ctx, j.Estate.Instances.Machine(s.ID), instanceQuestions)...)
	}
	for i, fact := range facts {
		facts[i] = secretLine.ReplaceAllStringFunc(fact, func(line string) string {
			for n, v := range versions {
				if strings.TrimPrefix(line, "password=") == v.Value {
					return fmt.Sprintf("password=VERSION %d", n+1)
				}
			}
			return "password=IS NOT KEPT"
		})
	}
	return facts, nil
}

var secretLine = regexp.MustCompile(`password=.*`)

// archives are the files that hold dumps of the instance's database.
func (j *Judge) archives(name string) ([]string, error) {
	files, err := filepath.Glob(j.path("archives", "*"))
	if err != nil {
		return nil, fmt.Errorf("listing the archives: %w", err)
	}
	var facts []string
	for _, file := range files {
		if !strings.Contains(filepath.Base(file), under(name)) {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading an archive: %w", err)
		}
		facts = append(facts, fmt.Sprintf("archive %s, whole: %t", filepath.Base(file), strings.Contains(string(data), "Dump completed")))
	}
	return facts, nil
}

// ends looks whether somebody waits for the end of the instance's accounts.
func (j *Judge) ends(ctx context.Context, name string) ([]string, error) {
	if j.Temporal == nil {
		return nil, nil
	}
	id := "expiry/instance/" + name + "/local/anna"
	d, err := j.Temporal.DescribeWorkflowExecution(ctx, id, "")
	if missing := new(serviceerror.NotFound); errors.As(err, &missing) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking at %s: %w", id, err)
	}
	if d.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return nil, nil
	}
	return []string{"end of account anna: it is waited for"}, nil
}
