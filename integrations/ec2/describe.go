package ec2

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/integrations/cloudx"
)

// askedFor are the reasons for which an instance is terminated because somebody wanted it.
var askedFor = []string{"", "Client.UserInitiatedShutdown", "Client.InstanceInitiatedShutdown"}

func instanceMark(i types.Instance) cloudx.Mark { return markIn(i.Tags) }

func stateName(i types.Instance) types.InstanceStateName {
	if i.State == nil {
		return types.InstanceStateNamePending
	}
	return i.State.Name
}

func reason(i types.Instance) string {
	if i.StateReason == nil {
		return ""
	}
	return aws.ToString(i.StateReason.Code)
}

// failed tells whether EC2 gave an instance up: it terminates it by itself, and shows it for about an hour.
func failed(i types.Instance) bool {
	return stateName(i) == types.InstanceStateNameTerminated && !slices.Contains(askedFor, reason(i)) && instanceMark(i) != cloudx.Mark{}
}

// ended tells whether an instance is going or gone.
func ended(i types.Instance) bool {
	return !failed(i) && (stateName(i) == types.InstanceStateNameTerminated || stateName(i) == types.InstanceStateNameShuttingDown)
}

// describe is an instance as the port has it.
func describe(i types.Instance) cloud.Instance {
	m := instanceMark(i)
	made := cloud.Instance{
		ID: aws.ToString(i.InstanceId), Name: tagValue(i.Tags, nameTag), Key: m.Key, Owner: m.Owner, State: stateOf(i),
		Addresses: addresses(i), Public: aws.ToString(i.PublicIpAddress),
	}
	if made.State == cloud.Failed {
		made.Fault = reason(i)
		if i.StateReason != nil && aws.ToString(i.StateReason.Message) != "" {
			made.Fault = aws.ToString(i.StateReason.Message)
		}
	}
	return made
}

// stateOf reads EC2's state. What is between two states is Pending.
func stateOf(i types.Instance) cloud.State {
	switch stateName(i) {
	case types.InstanceStateNameRunning:
		return cloud.Running
	case types.InstanceStateNameStopped:
		return cloud.Stopped
	case types.InstanceStateNameTerminated:
		return cloud.Failed
	case types.InstanceStateNamePending, types.InstanceStateNameStopping, types.InstanceStateNameShuttingDown:
	}
	return cloud.Pending
}

// addresses are the private ones: the first that of the first interface, then the others, and IPv6 last.
func addresses(i types.Instance) (list []string) {
	add := func(text *string) {
		if text != nil && !slices.Contains(list, *text) {
			list = append(list, *text)
		}
	}
	add(i.PrivateIpAddress)
	for _, n := range i.NetworkInterfaces {
		for _, a := range n.PrivateIpAddresses {
			add(a.PrivateIpAddress)
		}
	}
	for _, n := range i.NetworkInterfaces {
		for _, a := range n.Ipv6Addresses {
			add(a.Ipv6Address)
		}
	}
	return list
}

// owners reads an instance and refuses one of another owner. Faults: NotFound, also for one that has ended; Conflict.
func (d *Driver) owners(ctx context.Context, op operation.Op, id string) (types.Instance, error) {
	found, err := d.instance(ctx, id)
	switch m := instanceMark(found); {
	case err != nil:
		return found, err
	case ended(found):
		return found, fault.New(fault.NotFound, "instance %s is terminated", id)
	case m.Owner == "":
		return found, fault.New(fault.Conflict, "instance %s belongs to nobody that Fermata knows", id)
	case m.Owner != op.Owner:
		return found, fault.New(fault.Conflict, "instance %s belongs to %s", id, m.Owner)
	}
	return found, nil
}
