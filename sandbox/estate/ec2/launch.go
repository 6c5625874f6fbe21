package ec2

import (
	"encoding/base64"
	"fmt"
)

type runIn struct {
	Image    string   `q:"ImageId"`
	Type     string   `q:"InstanceType"`
	Min      int      `q:"MinCount"`
	Max      int      `q:"MaxCount"`
	KeyName  string   `q:"KeyName"`
	UserData string   `q:"UserData"`
	Token    string   `q:"ClientToken"`
	Subnet   string   `q:"SubnetId"`
	Groups   []string `q:"SecurityGroupId"`
	Address  string   `q:"PrivateIpAddress"`
	Metadata struct {
		Tokens string `q:"HttpTokens"`
	} `q:"MetadataOptions"`
	Interfaces []struct {
		Device int      `q:"DeviceIndex"`
		Subnet string   `q:"SubnetId"`
		Groups []string `q:"SecurityGroupId"`
		Addr   string   `q:"PrivateIpAddress"`
		Public *bool    `q:"AssociatePublicIpAddress"`
		Delete *bool    `q:"DeleteOnTermination"`
	} `q:"NetworkInterface"`
	Tags []specIn `q:"TagSpecification"`
}

// runInstances launches one instance. Under a client token that was used before it shows what that made.
func (s *Server) runInstances(in runIn) (any, error) {
	if again, known, err := s.repeated("RunInstances", in.Token, in); known || err != nil {
		i := find(s.state.Instances, again)
		switch {
		case err != nil:
			return nil, err
		case i == nil || (*i).State == terminated || (*i).State == shuttingDown:
			return nil, bad("IdempotentInstanceTerminated", "The client token you have provided is associated with a terminated instance. Please use a different client token.")
		}
		return s.reservation(*i), nil
	}
	if len(in.Interfaces) == 1 && in.Subnet == "" && len(in.Groups) == 0 && in.Address == "" {
		n := in.Interfaces[0]
		in.Subnet, in.Groups, in.Address = n.Subnet, n.Groups, n.Addr
	} else if len(in.Interfaces) > 0 {
		return nil, bad("InvalidParameterCombination", "Network interfaces and an instance-level subnet ID may not be specified on the same request")
	}
	tags, err := s.checkRun(in)
	if err != nil {
		return nil, err
	}
	i := &instance{
		tagged: made("i", tags), Image: in.Image, Type: in.Type, KeyName: in.KeyName, Subnet: in.Subnet, State: pending, UserData: in.UserData,
		Token: in.Token, Metadata: in.Metadata.Tokens,
	}
	if i.Interface, err = s.plug(i.ID, in.Subnet, in.Groups, in.Address); err != nil {
		return nil, err
	}
	s.state.Instances = append(s.state.Instances, i)
	s.remember("RunInstances", in.Token, in, i.ID)
	roots, _ := tagsFor(in.Tags, "volume", "instance") // They were checked.
	s.giveRoot(i, roots)
	s.tasks.Add(i.ID, func() { s.launch(i.ID) })
	return s.reservation(i), nil
}

func (s *Server) checkRun(in runIn) (map[string]string, error) {
	img, kind := the(s, s.state.Images, in.Image), the(s, s.state.Types, in.Type)
	raw, dataErr := base64.StdEncoding.DecodeString(in.UserData)
	switch {
	case in.Min != 1 || in.Max != 1:
		return nil, bad("InvalidParameterValue", "the emulator launches one instance at a time, not "+quoted(in.Max))
	case len(in.Token) > 64:
		return nil, bad("InvalidParameterValue", "Length of client token exceeds 64")
	case img == nil:
		return nil, bad("InvalidAMIID.NotFound", "The image id '["+in.Image+"]' does not exist")
	case kind == nil:
		return nil, bad("InvalidParameterValue", "Invalid value '"+in.Type+"' for InstanceType.")
	case kind.Architecture != img.Architecture:
		return nil, bad("InvalidParameterValue", "The architecture '"+kind.Architecture+"' of the specified instance type does not match the architecture '"+img.Architecture+"' of the specified AMI.")
	case dataErr != nil || len(raw) > 16<<10:
		return nil, bad("InvalidParameterValue", "User data is limited to 16384 bytes")
	case in.KeyName != "" && s.keyPair(in.KeyName) == nil:
		return nil, bad("InvalidKeyPair.NotFound", "The key pair '"+in.KeyName+"' does not exist")
	case s.exceeds("cpus", kind.CPUs):
		return nil, bad("VcpuLimitExceeded", fmt.Sprintf("You have requested more vCPU capacity than your current vCPU limit of %d allows for the instance bucket that the specified instance type belongs to.", s.state.Quotas["cpus"]))
	}
	if _, err := tagsFor(in.Tags, "volume", "instance"); err != nil {
		return nil, err
	}
	return tagsFor(in.Tags, "instance", "volume")
}

// hashOf is what a repeated request must have the same of.
func hashOf(in any) string { return hash(fmt.Appendf(nil, "%+v", in)) }

// repeated finds what a client token made. IdempotentParameterMismatch: the request was another one.
func (s *Server) repeated(action, clientToken string, in any) (id string, known bool, err error) {
	t, known := s.state.Tokens[action+" "+clientToken]
	if clientToken == "" || !known {
		return "", false, nil
	}
	if t.Hash != hashOf(plain(in)) {
		return "", true, bad("IdempotentParameterMismatch", "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).")
	}
	return t.ID, true, nil
}

func (s *Server) remember(action, clientToken string, in any, id string) {
	if clientToken != "" {
		s.state.Tokens[action+" "+clientToken] = token{hashOf(plain(in)), id}
	}
}

// plain leaves out of a launch what was moved between its parameters. Pointers are shown by what they point to.
func plain(in any) any {
	run, launch := in.(runIn)
	if !launch {
		return in
	}
	for _, n := range run.Interfaces {
		run.Subnet, run.Groups, run.Address = n.Subnet, n.Groups, n.Addr
	}
	run.Interfaces = nil
	return run
}
