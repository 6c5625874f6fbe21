package ec2

import (
	"fmt"
	"slices"
	"time"
)

// The states of a volume, and of its attachment.
const (
	creating  = "creating"
	available = "available"
	inUse     = "in-use"
	deleting  = "deleting"
	attaching = "attaching"
	attached  = "attached"
	detaching = "detaching"
)

type volume struct {
	tagged
	GiB        int    `json:"gib"`
	Zone       string `json:"zone"`
	Kind       string `json:"kind"`
	State      string `json:"state"`
	Instance   string `json:"instance"`
	Device     string `json:"device"`
	Attachment string `json:"attachment"`
	Delete     bool   `json:"delete"` // With its instance.
}

// giveRoot makes the volume that an instance boots from. It is called with the lock.
func (s *Server) giveRoot(i *instance, tags map[string]string) {
	v := &volume{tagged: made("vol", tags), GiB: 8, Kind: "gp3", State: inUse, Instance: i.ID, Device: rootDevice, Attachment: attached, Delete: true}
	if n := find(s.state.Subnets, i.Subnet); n != nil {
		v.Zone = (*n).Zone
	}
	if img := find(s.state.Images, i.Image); img != nil {
		v.Delete = !(*img).KeepsRoot
	}
	s.state.Volumes, i.Volumes = append(s.state.Volumes, v), append(i.Volumes, v.ID)
}

type attachmentOut struct {
	Volume   string `xml:"volumeId"`
	Instance string `xml:"instanceId"`
	Device   string `xml:"device"`
	Status   string `xml:"status"`
	Delete   bool   `xml:"deleteOnTermination"`
}

type volumeOut struct {
	ID          string          `xml:"volumeId"`
	Size        int             `xml:"size"`
	Zone        string          `xml:"availabilityZone"`
	Status      string          `xml:"status"`
	Kind        string          `xml:"volumeType"`
	Created     string          `xml:"createTime"`
	Attachments []attachmentOut `xml:"attachmentSet>item"`
	Tags        []tagOut        `xml:"tagSet>item"`
}

func (v *volume) attachment() attachmentOut {
	return attachmentOut{v.ID, v.Instance, v.Device, v.Attachment, v.Delete}
}

func (v *volume) out() volumeOut {
	out := volumeOut{ID: v.ID, Size: v.GiB, Zone: v.Zone, Status: v.State, Kind: v.Kind, Created: v.Created.Format(time.RFC3339), Tags: tagsOut(v.Tags)}
	if v.Instance != "" {
		out.Attachments = []attachmentOut{v.attachment()}
	}
	return out
}

type volumesIn struct {
	Filters []filterIn `q:"Filter"`
	IDs     []string   `q:"VolumeId"`
	Max     int        `q:"MaxResults"`
	Next    string     `q:"NextToken"`
}

func (s *Server) describeVolumes(in volumesIn) (any, error) {
	list, err := selected(s, s.state.Volumes, in.IDs, "InvalidVolume.NotFound", in.Filters, func(v *volume) attributes {
		return attributes{"status": {v.State}, "volume-id": {v.ID}, "attachment.instance-id": {v.Instance}, "availability-zone": {v.Zone}}
	})
	if err != nil {
		return nil, err
	}
	part, next, err := page(s, list, pageIn{in.Max, in.Next}, in.IDs, 1000)
	out := struct {
		Items []volumeOut `xml:"volumeSet>item"`
		Next  string      `xml:"nextToken,omitempty"`
	}{Next: next}
	for _, v := range part {
		out.Items = append(out.Items, v.out())
	}
	return out, err
}

type createVolumeIn struct {
	Zone  string   `q:"AvailabilityZone"`
	Size  int      `q:"Size"`
	Kind  string   `q:"VolumeType"`
	Token string   `q:"ClientToken"`
	Tags  []specIn `q:"TagSpecification"`
}

func (s *Server) createVolume(in createVolumeIn) (any, error) {
	if again, known, err := s.repeated("CreateVolume", in.Token, in); known || err != nil {
		v := &volume{tagged: tagged{ID: again}, GiB: in.Size, Zone: in.Zone, State: deleting} // It is gone.
		if there := find(s.state.Volumes, again); there != nil {
			v = *there
		}
		return v.out(), err
	}
	tags, err := tagsFor(in.Tags, "volume")
	switch {
	case err != nil:
		return nil, err
	case !slices.Contains(s.zones(), in.Zone):
		return nil, bad("InvalidZone.NotFound", "The zone '"+in.Zone+"' does not exist.")
	case in.Kind != "" && !slices.Contains([]string{"gp2", "gp3", "io1", "io2", "st1", "sc1", "standard"}, in.Kind):
		return nil, bad("InvalidParameterValue", "Value ("+in.Kind+") for parameter volumeType is invalid.")
	case in.Size < 1 || in.Size > 65536:
		return nil, bad("InvalidParameterValue", "Volume of "+quoted(in.Size)+" GiB is not supported.")
	case len(in.Token) > 64:
		return nil, bad("InvalidParameterValue", "Length of client token exceeds 64")
	case s.exceeds("volumes", 1):
		return nil, bad("VolumeLimitExceeded", "You have exceeded your maximum number of volumes.")
	}
	v := &volume{tagged: made("vol", tags), GiB: in.Size, Zone: in.Zone, Kind: orDefault(in.Kind, "gp2"), State: creating}
	s.state.Volumes = append(s.state.Volumes, v)
	s.remember("CreateVolume", in.Token, in, v.ID)
	s.resumeVolume(v)
	return v.out(), nil
}

type attachIn struct {
	Device   string `q:"Device"`
	Instance string `q:"InstanceId"`
	Volume   string `q:"VolumeId"`
}

func (s *Server) attachVolume(in attachIn) (any, error) {
	v := the(s, s.state.Volumes, in.Volume)
	list, err := s.pick([]string{in.Instance})
	switch {
	case err != nil:
		return nil, err
	case v == nil:
		return nil, bad("InvalidVolume.NotFound", "The volume '"+in.Volume+"' does not exist.")
	case v.Instance != "":
		return nil, bad("VolumeInUse", v.ID+" is already attached to an instance")
	case v.State != available:
		return nil, bad("IncorrectState", v.ID+" is not 'available'.")
	}
	i := list[0]
	n := find(s.state.Subnets, i.Subnet)
	switch {
	case i.State != running && i.State != stopped:
		return nil, bad("IncorrectState", "Instance '"+i.ID+"' is not 'running'.")
	case n != nil && (*n).Zone != v.Zone:
		return nil, bad("InvalidVolume.ZoneMismatch", "The volume '"+v.ID+"' is not in the same availability zone as instance '"+i.ID+"'")
	case in.Device == "" || in.Device == rootDevice:
		return nil, bad("InvalidParameterValue", "Invalid value '"+in.Device+"' for unixDevice.")
	case slices.ContainsFunc(i.Volumes, func(id string) bool {
		have := find(s.state.Volumes, id)
		return have != nil && (*have).Device == in.Device
	}):
		return nil, bad("InvalidParameterValue", "Invalid value '"+in.Device+"' for unixDevice. Attachment point "+in.Device+" is already in use")
	}
	v.State, v.Instance, v.Device, v.Attachment, v.Delete = inUse, i.ID, in.Device, attaching, false
	i.Volumes = append(i.Volumes, v.ID)
	s.resumeVolume(v)
	return v.attachment(), nil
}

type detachIn struct {
	Volume   string `q:"VolumeId"`
	Instance string `q:"InstanceId"`
	Device   string `q:"Device"`
}

func (s *Server) detachVolume(in detachIn) (any, error) {
	v := the(s, s.state.Volumes, in.Volume)
	switch {
	case v == nil:
		return nil, bad("InvalidVolume.NotFound", "The volume '"+in.Volume+"' does not exist.")
	case v.Attachment != attached || in.Instance != "" && in.Instance != v.Instance:
		return nil, bad("IncorrectState", "Volume '"+v.ID+"' is in the '"+v.State+"' state.")
	case v.Device == rootDevice && s.isOn(v.Instance):
		return nil, bad("OperationNotPermitted", "'"+v.ID+"' is the root volume of a running instance")
	}
	v.Attachment = detaching
	s.resumeVolume(v)
	return v.attachment(), nil
}

func (s *Server) isOn(id string) bool {
	i := find(s.state.Instances, id)
	return i != nil && (*i).State != stopped
}

type deleteVolumeIn struct {
	Volume string `q:"VolumeId"`
}

func (s *Server) deleteVolume(in deleteVolumeIn) (any, error) {
	v := the(s, s.state.Volumes, in.Volume)
	switch {
	case v == nil:
		return nil, bad("InvalidVolume.NotFound", "The volume '"+in.Volume+"' does not exist.")
	case v.Instance != "":
		return nil, bad("VolumeInUse", fmt.Sprintf("Volume %s is currently attached to %s", v.ID, v.Instance))
	case v.State != available && v.State != "error":
		return nil, bad("IncorrectState", "The volume '"+v.ID+"' is '"+v.State+"'.")
	}
	v.State = deleting
	s.resumeVolume(v)
	return done{true}, nil
}
