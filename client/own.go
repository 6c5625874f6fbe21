package client

import (
	"regexp"
	"slices"
	"strings"

	"fermata/activities/fault"
	"fermata/spec"
	"fermata/wire"
)

var (
	ownWorkflow = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{0,62}$`)
	ownTarget   = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}/[a-z0-9][a-z0-9.-]{0,62}$`)
)

// Own asks for a process that Fermata does not come with: workflow is the type that a worker registered (worker.WithWorkflow),
// target the id of the run, which is the lock on what it changes; empty: the document's owner. What the workflow does with the
// document is its own affair; that the start is signed, and which policy holds for it, is not. Faults: Invalid.
func Own(workflow, target string, document *spec.Own) (Request, error) {
	if target == "" {
		target = document.Owner()
	}
	switch {
	case !ownWorkflow.MatchString(workflow):
		return Request{}, fault.New(fault.Invalid, "expected the type of a workflow in letters and digits, such as PublishBanner, found %q", workflow)
	case slices.Contains(Kinds(), workflow):
		return Request{}, fault.New(fault.Invalid, "%s has a command of its own, which reads its spec", workflow)
	case slices.Contains(slices.Concat(wire.InnerWorkflows(), wire.Inquiries(), []string{wire.Guard}), workflow):
		return Request{}, fault.New(fault.Invalid, "%s is not for people to start", workflow)
	case !ownTarget.MatchString(target):
		return Request{}, fault.New(fault.Invalid, "expected a target such as banner/shop, found %q", target)
	}
	for _, prefix := range append(wire.InnerPrefixes(), wire.InquiryPrefix) {
		if strings.HasPrefix(target, prefix) {
			return Request{}, fault.New(fault.Invalid, "ids that begin with %s are not for people to take", prefix)
		}
	}
	text, err := marshal(document)
	return Request{
		kind: workflow, workflowID: target, owner: target, site: document.Metadata.Site, document: text, summary: workflow + " " + target,
	}, err
}
