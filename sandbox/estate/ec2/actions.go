package ec2

// actions are all that this EC2 knows.
func (s *Server) actions() map[string]action {
	return map[string]action{
		"DescribeVpcs":            doing("", s.describeVPCs),
		"DescribeSubnets":         doing("", s.describeSubnets),
		"DescribeImages":          doing("", s.describeImages),
		"DescribeInstanceTypes":   doing("", s.describeTypes),
		"DescribeKeyPairs":        doing("", s.describeKeyPairs),
		"DescribePublicIpv4Pools": doing("", s.describePools),

		"DescribeInstances":  doing("", s.describeInstances),
		"GetConsoleOutput":   doing("", s.consoleOutput),
		"RunInstances":       doing(RunInstances, s.runInstances),
		"TerminateInstances": doing(Terminate, s.terminateInstances),
		"StopInstances":      doing(StopInstances, s.stopInstances),
		"StartInstances":     doing(StartInstances, s.startInstances),
		"CreateTags":         doing(CreateTags, s.createTags),
		"DeleteTags":         doing(DeleteTags, s.deleteTags),

		"DescribeVolumes": doing("", s.describeVolumes),
		"CreateVolume":    doing(CreateVolume, s.createVolume),
		"AttachVolume":    doing(AttachVolume, s.attachVolume),
		"DetachVolume":    doing(DetachVolume, s.detachVolume),
		"DeleteVolume":    doing(DeleteVolume, s.deleteVolume),

		"DescribeSecurityGroups":        doing("", s.describeGroups),
		"DescribeSecurityGroupRules":    doing("", s.describeRules),
		"DescribeNetworkInterfaces":     doing("", s.describeInterfaces),
		"CreateSecurityGroup":           doing(CreateGroup, s.createGroup),
		"DeleteSecurityGroup":           doing(DeleteGroup, s.deleteGroup),
		"AuthorizeSecurityGroupIngress": doing(AuthorizeIngress, s.authorizeIngress),
		"RevokeSecurityGroupIngress":    doing(RevokeIngress, s.revokeIngress),

		"DescribeAddresses":   doing("", s.describeAddresses),
		"AllocateAddress":     doing(AllocateAddress, s.allocateAddress),
		"AssociateAddress":    doing(AssociateAddress, s.associateAddress),
		"DisassociateAddress": doing(Disassociate, s.disassociateAddress),
		"ReleaseAddress":      doing(ReleaseAddress, s.releaseAddress),
	}
}

// done is the answer of actions that have nothing to show.
type done struct {
	Return bool `xml:"return"`
}

type tagsIn struct {
	Resources []string `q:"ResourceId"`
	Tags      []struct {
		Key   string  `q:"Key"`
		Value *string `q:"Value"`
	} `q:"Tag"`
}

// resource finds what has tags by its id.
func (s *Server) resource(id string) *tagged {
	var all []object
	for _, i := range s.state.Instances {
		all = append(all, i)
	}
	for _, v := range s.state.Volumes {
		all = append(all, v)
	}
	for _, g := range s.state.Groups {
		all = append(all, g)
	}
	for _, a := range s.state.Addresses {
		all = append(all, a)
	}
	if found := find(all, id); found != nil && s.seen((*found).self()) {
		return (*found).self()
	}
	return nil
}

func (s *Server) changeTags(in tagsIn, do func(tags map[string]string, key string, value *string)) (any, error) {
	var found []*tagged
	for _, id := range in.Resources {
		r := s.resource(id)
		if r == nil {
			return nil, bad("InvalidID", "The ID '"+id+"' is not valid")
		}
		found = append(found, r)
	}
	for _, r := range found {
		for _, t := range in.Tags {
			do(r.Tags, t.Key, t.Value)
		}
	}
	return done{true}, nil
}

func (s *Server) createTags(in tagsIn) (any, error) {
	return s.changeTags(in, func(tags map[string]string, key string, value *string) {
		tags[key] = ""
		if value != nil {
			tags[key] = *value
		}
	})
}

// deleteTags removes a tag whatever its value, unless one is given.
func (s *Server) deleteTags(in tagsIn) (any, error) {
	return s.changeTags(in, func(tags map[string]string, key string, value *string) {
		if value == nil || tags[key] == *value {
			delete(tags, key)
		}
	})
}
