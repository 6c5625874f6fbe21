package ec2

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// The states of an instance, and their codes.
const (
	pending      = "pending"
	running      = "running"
	stopping     = "stopping"
	stopped      = "stopped"
	shuttingDown = "shutting-down"
	terminated   = "terminated"
)

var stateCodes = map[string]int{pending: 0, running: 16, shuttingDown: 32, terminated: 48, stopping: 64, stopped: 80}

// rootDevice is what instances boot from.
const rootDevice = "/dev/xvda"

// shownFor is how long a terminated instance is listed.
const shownFor = time.Hour

type instance struct {
	tagged
	Image     string    `json:"image"`
	Type      string    `json:"type"`
	KeyName   string    `json:"key_name"`
	Subnet    string    `json:"subnet"`
	Interface string    `json:"interface"`
	State     string    `json:"state"`
	Reason    string    `json:"reason"` // Code of why it is not running.
	UserData  string    `json:"user_data"`
	Token     string    `json:"token"`
	Volumes   []string  `json:"volumes"` // In the order in which they were attached; the root is the first.
	Console   string    `json:"console"`
	Ended     time.Time `json:"ended"`
	Metadata  string    `json:"metadata"` // HttpTokens.
}

// Why an instance does not run: because somebody wanted it, or because EC2 could not launch it.
const (
	asked       = "Client.UserInitiatedShutdown"
	serverError = "Server.InternalError"
)

var reasons = map[string]string{asked: asked + ": User initiated shutdown", serverError: serverError + ": Internal error on launch"}

func (s *Server) typeOf(i *instance) *instanceType {
	if t := find(s.state.Types, i.Type); t != nil {
		return *t
	}
	return &instanceType{}
}

type idsIn struct {
	IDs []string `q:"InstanceId"`
}

type instancesIn struct {
	Filters []filterIn `q:"Filter"`
	IDs     []string   `q:"InstanceId"`
	Max     int        `q:"MaxResults"`
	Next    string     `q:"NextToken"`
}

func (s *Server) describeInstances(in instancesIn) (any, error) {
	s.state.Instances = slices.DeleteFunc(s.state.Instances, func(i *instance) bool { return i.State == terminated && time.Since(i.Ended) > shownFor })
	list, err := selected(s, s.state.Instances, in.IDs, "InvalidInstanceID.NotFound", in.Filters, func(i *instance) attributes {
		return attributes{"instance-state-name": {i.State}, "instance-id": {i.ID}, "client-token": {i.Token}, "subnet-id": {i.Subnet}, "vpc-id": {vpcID}}
	})
	if err != nil {
		return nil, err
	}
	part, next, err := page(s, list, pageIn{in.Max, in.Next}, in.IDs, 1000)
	out := struct {
		Items []reservationOut `xml:"reservationSet>item"`
		Next  string           `xml:"nextToken,omitempty"`
	}{Next: next}
	for _, i := range part {
		out.Items = append(out.Items, s.reservation(i))
	}
	return out, err
}

// pick finds instances by their ids.
func (s *Server) pick(ids []string) (list []*instance, err error) {
	for _, id := range ids {
		i := the(s, s.state.Instances, id)
		if i == nil {
			return nil, bad("InvalidInstanceID.NotFound", "The instance ID '"+id+"' does not exist")
		}
		list = append(list, i)
	}
	if len(list) == 0 {
		return nil, bad("MissingParameter", "The request must contain the parameter InstanceId")
	}
	return list, nil
}

// change asks instances for another state. The states that it is asked in are from; in those that lead there already it is no error.
func (s *Server) change(ids, from, there []string, to string, do func(id string)) (any, error) {
	list, err := s.pick(ids)
	if err != nil {
		return nil, err
	}
	var out changesOut
	for _, i := range list {
		if !slices.Contains(from, i.State) && !slices.Contains(there, i.State) {
			return nil, bad("IncorrectInstanceState", "The instance '"+i.ID+"' is not in a state from which it can be "+to+".")
		}
	}
	for _, i := range list {
		was := i.State
		if slices.Contains(from, was) {
			i.State = to
			s.tasks.Add(i.ID, func() { do(i.ID) })
		}
		out.Items = append(out.Items, changeOut{i.ID, stateOut{stateCodes[i.State], i.State}, stateOut{stateCodes[was], was}})
	}
	return out, nil
}

func (s *Server) stopInstances(in idsIn) (any, error) {
	return s.change(in.IDs, []string{running}, []string{stopping, stopped}, stopping, s.shutDown)
}

func (s *Server) startInstances(in idsIn) (any, error) {
	return s.change(in.IDs, []string{stopped}, []string{pending, running}, pending, s.powerOn)
}

func (s *Server) terminateInstances(in idsIn) (any, error) {
	for _, id := range in.IDs {
		s.tasks.Cancel(id)
	}
	return s.change(in.IDs, []string{pending, running, stopping, stopped}, []string{shuttingDown, terminated}, shuttingDown, s.destroy)
}

type consoleIn struct {
	ID     string `q:"InstanceId"`
	Latest bool   `q:"Latest"`
}

func (s *Server) consoleOutput(in consoleIn) (any, error) {
	list, err := s.pick([]string{in.ID})
	if err != nil {
		return nil, err
	}
	if in.Latest && s.options.OldHypervisor {
		return nil, bad("UnsupportedOperation", "This instance type does not support retrieving the latest console logs.")
	}
	out := struct {
		ID     string `xml:"instanceId"`
		Time   string `xml:"timestamp"`
		Output string `xml:"output,omitempty"`
	}{ID: in.ID, Time: now()}
	const most = 64 << 10
	text := list[0].Console
	out.Output = base64.StdEncoding.EncodeToString([]byte(text[max(0, len(text)-most):]))
	return out, nil
}

func now() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000Z") }

// says adds lines to an instance's console. It is called with the lock.
func (i *instance) says(format string, args ...any) { i.Console += fmt.Sprintf(format, args...) }

// address is the first that an instance has.
func (s *Server) addressOf(i *instance) netip.Addr {
	if n := find(s.state.Interfaces, i.Interface); n != nil && len((*n).IPv4) > 0 {
		a, _ := netip.ParseAddr((*n).IPv4[0]) // It was written by this package.
		return a
	}
	return netip.Addr{}
}
