package ec2

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

type image struct {
	tagged
	Name         string `json:"name"`
	Owner        string `json:"owner"`
	Architecture string `json:"architecture"`
	KeepsRoot    bool   `json:"keeps_root"`
}

type instanceType struct {
	tagged              // The id is its name.
	CPUs         int    `json:"cpus"`
	MiB          int    `json:"mib"`
	Architecture string `json:"architecture"`
}

type subnet struct {
	tagged
	Zone string        `json:"zone"`
	IPv4 netip.Prefix  `json:"ipv4"`
	IPv6 *netip.Prefix `json:"ipv6,omitempty"`
}

type keyPair struct {
	tagged
	Name      string `json:"name"`
	PublicKey string `json:"public_key"`
}

type pool struct {
	tagged
	Prefix netip.Prefix `json:"prefix"`
}

type imagesIn struct {
	Filters []filterIn `q:"Filter"`
	IDs     []string   `q:"ImageId"`
	Owners  []string   `q:"Owner"`
	Max     int        `q:"MaxResults"`
	Next    string     `q:"NextToken"`
}

func (s *Server) describeImages(in imagesIn) (any, error) {
	list, err := selected(s, s.state.Images, in.IDs, "InvalidAMIID.NotFound", in.Filters, func(i *image) attributes {
		return attributes{"name": {i.Name}, "image-id": {i.ID}, "state": {"available"}, "architecture": {i.Architecture}, "owner-id": {i.Owner}}
	})
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(i *image) bool {
		return len(in.Owners) > 0 && !slices.Contains(in.Owners, i.Owner) && (i.Owner != s.options.Account || !slices.Contains(in.Owners, "self"))
	})
	part, next, err := page(s, list, pageIn{in.Max, in.Next}, in.IDs, 1000)
	type item struct {
		ID           string `xml:"imageId"`
		Name         string `xml:"name"`
		State        string `xml:"imageState"`
		Owner        string `xml:"imageOwnerId"`
		Architecture string `xml:"architecture"`
		Root         string `xml:"rootDeviceName"`
	}
	out := struct {
		Items []item `xml:"imagesSet>item"`
		Next  string `xml:"nextToken,omitempty"`
	}{Next: next}
	for _, i := range part {
		out.Items = append(out.Items, item{i.ID, i.Name, "available", i.Owner, i.Architecture, rootDevice})
	}
	return out, err
}

type typesIn struct {
	Filters []filterIn `q:"Filter"`
	Names   []string   `q:"InstanceType"`
	Max     int        `q:"MaxResults"`
	Next    string     `q:"NextToken"`
}

func (s *Server) describeTypes(in typesIn) (any, error) {
	list, err := selected(s, s.state.Types, in.Names, "InvalidInstanceType", in.Filters, func(t *instanceType) attributes {
		return attributes{"instance-type": {t.ID}}
	})
	if err != nil {
		return nil, err
	}
	part, next, err := page(s, list, pageIn{in.Max, in.Next}, in.Names, 100)
	type item struct {
		Name          string   `xml:"instanceType"`
		CPUs          int      `xml:"vCpuInfo>defaultVCpus"`
		MiB           int      `xml:"memoryInfo>sizeInMiB"`
		Architectures []string `xml:"processorInfo>supportedArchitectures>item"`
	}
	out := struct {
		Items []item `xml:"instanceTypeSet>item"`
		Next  string `xml:"nextToken,omitempty"`
	}{Next: next}
	for _, t := range part {
		out.Items = append(out.Items, item{t.ID, t.CPUs, t.MiB, []string{t.Architecture}})
	}
	return out, err
}

type subnetsIn struct {
	Filters []filterIn `q:"Filter"`
	IDs     []string   `q:"SubnetId"`
	Max     int        `q:"MaxResults"`
	Next    string     `q:"NextToken"`
}

func (s *Server) describeSubnets(in subnetsIn) (any, error) {
	list, err := selected(s, s.state.Subnets, in.IDs, "InvalidSubnetID.NotFound", in.Filters, func(n *subnet) attributes {
		return attributes{"vpc-id": {vpcID}, "availability-zone": {n.Zone}, "subnet-id": {n.ID}}
	})
	if err != nil {
		return nil, err
	}
	part, next, err := page(s, list, pageIn{in.Max, in.Next}, in.IDs, 1000)
	type item struct {
		ID    string   `xml:"subnetId"`
		VPC   string   `xml:"vpcId"`
		Zone  string   `xml:"availabilityZone"`
		CIDR  string   `xml:"cidrBlock"`
		State string   `xml:"state"`
		Tags  []tagOut `xml:"tagSet>item"`
	}
	out := struct {
		Items []item `xml:"subnetSet>item"`
		Next  string `xml:"nextToken,omitempty"`
	}{Next: next}
	for _, n := range part {
		out.Items = append(out.Items, item{n.ID, vpcID, n.Zone, n.IPv4.String(), "available", tagsOut(n.Tags)})
	}
	return out, err
}

type vpcsIn struct {
	Filters []filterIn `q:"Filter"`
	IDs     []string   `q:"VpcId"`
}

func (s *Server) describeVPCs(in vpcsIn) (any, error) {
	type item struct {
		ID      string `xml:"vpcId"`
		State   string `xml:"state"`
		Default bool   `xml:"isDefault"`
	}
	for _, id := range in.IDs {
		if id != vpcID {
			return nil, bad("InvalidVpcID.NotFound", "The vpc ID '"+id+"' does not exist")
		}
	}
	good, err := fits(in.Filters, nil, attributes{"vpc-id": {vpcID}, "is-default": {"true"}})
	out := struct {
		Items []item `xml:"vpcSet>item"`
	}{}
	if good {
		out.Items = []item{{vpcID, "available", true}}
	}
	return out, err
}

type keyPairsIn struct {
	Filters []filterIn `q:"Filter"`
	Names   []string   `q:"KeyName"`
}

func (s *Server) describeKeyPairs(in keyPairsIn) (any, error) {
	for _, name := range in.Names {
		if s.keyPair(name) == nil {
			return nil, bad("InvalidKeyPair.NotFound", "The key pair '"+name+"' does not exist")
		}
	}
	list, err := selected(s, s.state.KeyPairs, nil, "", in.Filters, func(k *keyPair) attributes {
		return attributes{"key-name": {k.Name}, "key-pair-id": {k.ID}}
	})
	type item struct {
		ID   string `xml:"keyPairId"`
		Name string `xml:"keyName"`
		Type string `xml:"keyType"`
	}
	out := struct {
		Items []item `xml:"keySet>item"`
	}{}
	for _, k := range list {
		if len(in.Names) == 0 || slices.Contains(in.Names, k.Name) {
			out.Items = append(out.Items, item{k.ID, k.Name, strings.TrimPrefix(strings.Fields(k.PublicKey)[0], "ssh-")})
		}
	}
	return out, err
}

func (s *Server) keyPair(name string) *keyPair {
	for _, k := range s.state.KeyPairs {
		if k.Name == name {
			return k
		}
	}
	return nil
}

type poolsIn struct {
	Filters []filterIn `q:"Filter"`
	IDs     []string   `q:"PoolId"`
	Max     int        `q:"MaxResults"`
	Next    string     `q:"NextToken"`
}

func (s *Server) describePools(in poolsIn) (any, error) {
	list, err := selected(s, s.state.Pools, in.IDs, "InvalidPublicIpv4PoolID.NotFound", in.Filters, func(*pool) attributes { return attributes{} })
	type item struct {
		ID   string   `xml:"poolId"`
		Tags []tagOut `xml:"tagSet>item"`
	}
	out := struct {
		Items []item `xml:"publicIpv4PoolSet>item"`
	}{}
	for _, p := range list {
		out.Items = append(out.Items, item{p.ID, tagsOut(p.Tags)})
	}
	return out, err
}

// zones are those that subnets lie in.
func (s *Server) zones() (list []string) {
	for _, n := range s.state.Subnets {
		list = append(list, n.Zone)
	}
	return list
}

func quoted(n int) string { return "'" + strconv.Itoa(n) + "'" }
