package ec2

// How instances are shown.

type reservationOut struct {
	ID    string        `xml:"reservationId"`
	Owner string        `xml:"ownerId"`
	Items []instanceOut `xml:"instancesSet>item"`
}

type stateOut struct {
	Code int    `xml:"code"`
	Name string `xml:"name"`
}

type changeOut struct {
	ID   string   `xml:"instanceId"`
	Now  stateOut `xml:"currentState"`
	Then stateOut `xml:"previousState"`
}

type changesOut struct {
	Items []changeOut `xml:"instancesSet>item"`
}

type reasonOut struct {
	Code    string `xml:"code"`
	Message string `xml:"message"`
}

type mappingOut struct {
	Device string `xml:"deviceName"`
	Volume string `xml:"ebs>volumeId"`
	Status string `xml:"ebs>status"`
	Delete bool   `xml:"ebs>deleteOnTermination"`
}

type instanceOut struct {
	ID         string         `xml:"instanceId"`
	Image      string         `xml:"imageId"`
	State      stateOut       `xml:"instanceState"`
	KeyName    string         `xml:"keyName,omitempty"`
	Type       string         `xml:"instanceType"`
	Launched   string         `xml:"launchTime"`
	Zone       string         `xml:"placement>availabilityZone"`
	Subnet     string         `xml:"subnetId,omitempty"`
	VPC        string         `xml:"vpcId,omitempty"`
	Address    string         `xml:"privateIpAddress,omitempty"`
	Public     string         `xml:"ipAddress,omitempty"`
	Reason     *reasonOut     `xml:"stateReason"`
	Root       string         `xml:"rootDeviceName"`
	Mappings   []mappingOut   `xml:"blockDeviceMapping>item"`
	Token      string         `xml:"clientToken,omitempty"`
	Interfaces []interfaceOut `xml:"networkInterfaceSet>item"`
	Groups     []groupRefOut  `xml:"groupSet>item"`
	Cores      int            `xml:"cpuOptions>coreCount"`
	Threads    int            `xml:"cpuOptions>threadsPerCore"`
	Tags       []tagOut       `xml:"tagSet>item"`
}

func (s *Server) reservation(i *instance) reservationOut {
	return reservationOut{ID: "r-" + i.ID[2:], Owner: s.options.Account, Items: []instanceOut{s.instanceOut(i)}}
}

func (s *Server) instanceOut(i *instance) instanceOut {
	out := instanceOut{
		ID: i.ID, Image: i.Image, State: stateOut{stateCodes[i.State], i.State}, KeyName: i.KeyName, Type: i.Type, Launched: i.Created.Format("2006-01-02T15:04:05.000Z"),
		Root: rootDevice, Token: i.Token, Tags: tagsOut(i.Tags), Cores: s.typeOf(i).CPUs, Threads: 1,
	}
	if n := find(s.state.Subnets, i.Subnet); n != nil {
		out.Zone = (*n).Zone
	}
	if i.Reason != "" {
		out.Reason = &reasonOut{i.Reason, reasons[i.Reason]}
	}
	if found := find(s.state.Interfaces, i.Interface); found != nil {
		n := s.interfaceOut(*found)
		out.Subnet, out.VPC, out.Address, out.Interfaces, out.Groups = i.Subnet, vpcID, n.Address, []interfaceOut{n}, n.Groups
	}
	for _, a := range s.state.Addresses {
		if a.Interface == i.Interface && a.Association != "" {
			out.Public = a.IP
		}
	}
	for _, id := range i.Volumes {
		if found := find(s.state.Volumes, id); found != nil {
			v := *found
			out.Mappings = append(out.Mappings, mappingOut{v.Device, v.ID, v.Attachment, v.Delete})
		}
	}
	return out
}
