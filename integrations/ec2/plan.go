package ec2

import (
	"cmp"
	"context"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/integrations/cloudx"
)

var imageID = regexp.MustCompile(`^ami-[0-9a-f]{8,17}$`)

// Plan resolves names to ids, looks for what is in the way, asks for quotas, and whether the credential may launch.
func (d *Driver) Plan(ctx context.Context, r cloud.PlanRequest) (planned cloud.Planned, err error) {
	if err := r.Valid(); err != nil {
		return planned, err
	}
	for _, step := range []func(context.Context, cloud.PlanRequest, *cloud.Planned) error{
		d.planMachine, d.planSubnet, d.planPool, d.planKeyPair, d.planExisting, d.planQuotas, d.planRights,
	} {
		if err := step(ctx, r, &planned); err != nil {
			return cloud.Planned{}, err
		}
	}
	return planned, nil
}

func (d *Driver) planMachine(ctx context.Context, r cloud.PlanRequest, into *cloud.Planned) error {
	image, err := d.image(ctx, r.Image)
	if err != nil {
		return err
	}
	flavor, err := d.flavor(ctx, r.Flavor)
	if err != nil {
		return err
	}
	if p := flavor.ProcessorInfo; p != nil && !slices.Contains(p.SupportedArchitectures, types.ArchitectureType(image.Architecture)) {
		return fault.New(fault.Invalid, "image %s is for %s, which instances of type %s are not", aws.ToString(image.Name), image.Architecture, r.Flavor)
	}
	name := string(flavor.InstanceType)
	into.Placement.Image, into.Placement.Flavor = imageRef(image), cloud.Ref{ID: name, Name: name}
	if flavor.VCpuInfo != nil {
		into.CPUs = number(flavor.VCpuInfo.DefaultVCpus)
	}
	if flavor.MemoryInfo != nil {
		into.MemoryBytes = aws.ToInt64(flavor.MemoryInfo.SizeInMiB) << 20
	}
	return nil
}

func imageRef(i types.Image) cloud.Ref {
	return cloud.Ref{ID: aws.ToString(i.ImageId), Name: aws.ToString(i.Name)}
}

// image finds one by its id or its name among those of the owners that are configured. What else there is is listed only where
// it is needed: Amazon has tens of thousands.
func (d *Driver) image(ctx context.Context, wanted string) (types.Image, error) {
	by := []types.Filter{filter("state", string(types.ImageStateAvailable))}
	named := filter("name", wanted)
	if imageID.MatchString(wanted) {
		named = filter("image-id", wanted)
	}
	list, err := d.listImages(ctx, append(by, named))
	if err == nil && len(list) == 0 {
		list, err = d.listImages(ctx, by)
	}
	if err != nil {
		return types.Image{}, err
	}
	return cloudx.Resolve(list, imageRef, wanted, "image")
}

func (d *Driver) listImages(ctx context.Context, by []types.Filter) ([]types.Image, error) {
	pages := ec2.NewDescribeImagesPaginator(d.ec2, &ec2.DescribeImagesInput{Filters: by, Owners: d.config.ImageOwners, MaxResults: aws.Int32(pageSize)})
	return all(ctx, d, pages, func(page *ec2.DescribeImagesOutput) []types.Image { return page.Images }, "images")
}

// mostTypes is how many types of instances EC2 lists on a page.
const mostTypes = 100

func (d *Driver) flavor(ctx context.Context, wanted string) (types.InstanceTypeInfo, error) {
	list, err := d.listTypes(ctx, filter("instance-type", wanted))
	if err == nil && len(list) == 0 {
		list, err = d.listTypes(ctx)
	}
	if err != nil {
		return types.InstanceTypeInfo{}, err
	}
	return cloudx.Resolve(list, func(t types.InstanceTypeInfo) cloud.Ref {
		return cloud.Ref{ID: string(t.InstanceType), Name: string(t.InstanceType)}
	}, wanted, "instance type")
}

func (d *Driver) listTypes(ctx context.Context, by ...types.Filter) ([]types.InstanceTypeInfo, error) {
	pages := ec2.NewDescribeInstanceTypesPaginator(d.ec2, &ec2.DescribeInstanceTypesInput{Filters: by, MaxResults: aws.Int32(mostTypes)})
	return all(ctx, d, pages, func(page *ec2.DescribeInstanceTypesOutput) []types.InstanceTypeInfo { return page.InstanceTypes }, "instance types")
}

// planSubnet finds the subnet, which lies in one zone, and what holds the wanted address.
func (d *Driver) planSubnet(ctx context.Context, r cloud.PlanRequest, into *cloud.Planned) error {
	pages := ec2.NewDescribeSubnetsPaginator(d.ec2, &ec2.DescribeSubnetsInput{
		Filters: []types.Filter{filter("vpc-id", d.config.VPC)}, MaxResults: aws.Int32(pageSize),
	})
	list, err := all(ctx, d, pages, func(page *ec2.DescribeSubnetsOutput) []types.Subnet { return page.Subnets }, "subnets")
	if err != nil {
		return err
	}
	ref := func(s types.Subnet) cloud.Ref {
		return cloud.Ref{ID: aws.ToString(s.SubnetId), Name: cmp.Or(tagValue(s.Tags, nameTag), aws.ToString(s.SubnetId))}
	}
	subnet, err := cloudx.Resolve(list, ref, r.Network, "subnet")
	if err != nil {
		return err
	}
	into.Placement.Network, into.Placement.Zone = ref(subnet), aws.ToString(subnet.AvailabilityZone)
	if r.Zone != "" && r.Zone != into.Placement.Zone {
		zones := func(s types.Subnet) cloud.Ref {
			return cloud.Ref{ID: aws.ToString(s.SubnetId), Name: aws.ToString(s.AvailabilityZone)}
		}
		if cloudx.Find(list, func(s types.Subnet) bool { return aws.ToString(s.AvailabilityZone) == r.Zone }) == nil {
			_, err := cloudx.Resolve(list, zones, r.Zone, "availability zone with a subnet")
			return err
		}
		return fault.New(fault.Invalid, "subnet %s lies in zone %s, not in %s", into.Placement.Network.Name, into.Placement.Zone, r.Zone)
	}
	if r.Address == "" {
		return nil
	}
	holders, err := d.listInterfaces(ctx, filter("subnet-id", into.Placement.Network.ID), filter("addresses.private-ip-address", r.Address))
	for _, n := range holders {
		into.AddressHeldBy = append(into.AddressHeldBy, cloud.Ref{ID: aws.ToString(n.NetworkInterfaceId), Name: holder(n)})
	}
	return err
}

// holder names a network interface: by the instance that has it, if one does.
func holder(n types.NetworkInterface) string {
	if n.Attachment != nil && n.Attachment.InstanceId != nil {
		return *n.Attachment.InstanceId
	}
	return aws.ToString(n.Description)
}

// planPool finds the pool of public addresses.
func (d *Driver) planPool(ctx context.Context, r cloud.PlanRequest, into *cloud.Planned) error {
	if r.Public == "" {
		return nil
	}
	amazon := cloud.Ref{ID: amazonPool, Name: amazonPool}
	if r.Public == amazonPool {
		into.Placement.Public = amazon
		return nil
	}
	pages := ec2.NewDescribePublicIpv4PoolsPaginator(d.ec2, &ec2.DescribePublicIpv4PoolsInput{})
	list, err := all(ctx, d, pages, func(page *ec2.DescribePublicIpv4PoolsOutput) []types.PublicIpv4Pool { return page.PublicIpv4Pools }, "pools of public addresses")
	if err != nil {
		return err
	}
	pools := []cloud.Ref{amazon}
	for _, p := range list {
		pools = append(pools, cloud.Ref{ID: aws.ToString(p.PoolId), Name: cmp.Or(tagValue(p.Tags, nameTag), aws.ToString(p.PoolId))})
	}
	into.Placement.Public, err = cloudx.Resolve(pools, func(r cloud.Ref) cloud.Ref { return r }, r.Public, "pool of public addresses")
	return err
}

// planKeyPair names a key pair by its id: one that is replaced under the same name is another.
func (d *Driver) planKeyPair(ctx context.Context, r cloud.PlanRequest, into *cloud.Planned) error {
	if r.KeyPair == "" {
		return nil
	}
	out, err := read(ctx, d, "listing key pairs", d.ec2.DescribeKeyPairs, &ec2.DescribeKeyPairsInput{})
	if err != nil {
		return err
	}
	ref := func(k types.KeyPairInfo) cloud.Ref {
		return cloud.Ref{ID: aws.ToString(k.KeyPairId), Name: aws.ToString(k.KeyName)}
	}
	pair, err := cloudx.Resolve(out.KeyPairs, ref, r.KeyPair, "key pair")
	into.Placement.KeyPair = ref(pair)
	return err
}

// planExisting finds instances of the owner, and of the name.
func (d *Driver) planExisting(ctx context.Context, r cloud.PlanRequest, into *cloud.Planned) error {
	for _, by := range []types.Filter{byOwner(r.Owner), filter("tag:"+nameTag, r.Name)} {
		list, err := d.listInstances(ctx, by)
		if err != nil {
			return err
		}
		for _, i := range list {
			known := slices.ContainsFunc(into.Existing, func(e cloud.Instance) bool { return e.ID == aws.ToString(i.InstanceId) })
			if !ended(i) && !known && (stateName(i) != types.InstanceStateNameTerminated || failed(i)) {
				into.Existing = append(into.Existing, describe(i))
			}
		}
	}
	return nil
}

// planRights asks whether the credential may launch such an instance. Nothing is launched.
func (d *Driver) planRights(ctx context.Context, r cloud.PlanRequest, into *cloud.Planned) error {
	op := operation.Op{Key: operation.Key{Run: "plan", Step: "instance", Target: r.Name}, Owner: r.Owner}
	in := launchInput(op, cloud.Request{Name: r.Name, Placement: into.Placement})
	in.NetworkInterfaces[0].Groups, in.DryRun, in.UserData = nil, aws.Bool(true), nil
	_, err := read(ctx, d, "asking whether instances may be made", d.ec2.RunInstances, in)
	return skip(err, "DryRunOperation", "VcpuLimitExceeded", "InstanceLimitExceeded") // Quotas are told beside this.
}
