package ec2

import (
	"context"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"

	"fermata/activities/cloud"
	"fermata/activities/fault"
)

// The quotas that an instance draws on, by their codes at Service Quotas. EC2's own API tells none.
const (
	cpusQuota      = "L-1216C47A" // ec2: Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances, in vCPUs.
	addressesQuota = "L-0263D0A3" // ec2: EC2-VPC Elastic IPs.
	groupsQuota    = "L-E79EC296" // vpc: VPC security groups per Region.
)

// standard are the families of types that the quota of standard instances counts. The others have quotas of their own, which are
// not asked for.
var (
	standard   = []string{"a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"}
	familyWord = regexp.MustCompile(`^([a-z]+)\d`)
)

func isStandard(flavor string) bool {
	family := familyWord.FindStringSubmatch(flavor)
	return family != nil && slices.Contains(standard, family[1])
}

// planQuotas asks for quotas and counts what is used of them. One that the credential may not see, or that the account does not
// have, is left out.
func (d *Driver) planQuotas(ctx context.Context, r cloud.PlanRequest, into *cloud.Planned) error {
	if d.quotas == nil {
		return nil
	}
	if isStandard(into.Placement.Flavor.Name) {
		if err := d.addQuota(ctx, into, "cores", "ec2", cpusQuota, int64(into.CPUs), d.usedCPUs); err != nil {
			return err
		}
	}
	if r.Public != "" {
		if err := d.addQuota(ctx, into, "floating addresses", "ec2", addressesQuota, 1, d.usedAddresses); err != nil {
			return err
		}
	}
	return d.addQuota(ctx, into, "security groups", "vpc", groupsQuota, 1, d.usedGroups)
}

func (d *Driver) addQuota(ctx context.Context, into *cloud.Planned, name, service, code string, needed int64, used func(context.Context) (int64, error)) error {
	shown, err := read(ctx, d, "asking Service Quotas for "+name, d.quotas.GetServiceQuota, &servicequotas.GetServiceQuotaInput{ServiceCode: &service, QuotaCode: &code})
	switch {
	case fault.Is(err, fault.Unauthorized), fault.Is(err, fault.NotFound):
		return nil
	case err != nil:
		return err
	case shown.Quota == nil || shown.Quota.Value == nil:
		return nil
	}
	n, err := used(ctx)
	if err != nil {
		return err
	}
	into.Quotas = append(into.Quotas, cloud.Quota{Name: name, Limit: int64(*shown.Quota.Value), Used: n, Needed: needed})
	return nil
}

func (d *Driver) usedCPUs(ctx context.Context) (n int64, err error) {
	list, err := d.running(ctx)
	for _, i := range list {
		if isStandard(string(i.InstanceType)) {
			n += virtualCPUs(i)
		}
	}
	return n, err
}

func (d *Driver) usedAddresses(ctx context.Context) (int64, error) {
	list, err := d.listAddresses(ctx)
	return int64(len(list)), err
}

func (d *Driver) usedGroups(ctx context.Context) (int64, error) {
	list, err := d.allGroups(ctx)
	return int64(len(list)), err
}

// number reads a count that EC2 gives as a pointer.
func number(n *int32) int { return int(aws.ToInt32(n)) }
