package openstack

import (
	"context"

	block "github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/limits"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/limits"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/quotas"

	"fermata/activities/cloud"
	"fermata/activities/fault"
)

// planQuotas asks each service for its limits and what is used of them.
func (d *Driver) planQuotas(ctx context.Context, s *services, r cloud.PlanRequest, into *cloud.Planned) error {
	nova, err := limits.Get(ctx, s.compute, nil).Extract()
	if err != nil {
		return translate(err, "asking Nova for its limits")
	}
	n := nova.Absolute
	into.Quotas = append(into.Quotas,
		quota("instances", n.MaxTotalInstances, n.TotalInstancesUsed, 1),
		quota("cores", n.MaxTotalCores, n.TotalCoresUsed, into.CPUs),
		quota("ram", n.MaxTotalRAMSize, n.TotalRAMUsed, int(into.MemoryBytes>>20)))
	if err := s.networkQuotas(ctx, r, into); err != nil {
		return err
	}
	if len(r.Volumes) == 0 {
		return nil
	}
	if _, err := s.volumes(); err != nil {
		return err
	}
	cinder, err := block.Get(ctx, s.volume).Extract()
	if err != nil {
		return translate(err, "asking Cinder for its limits")
	}
	size := int64(0)
	for _, v := range r.Volumes {
		size += v.Bytes / gib
	}
	b := cinder.Absolute
	into.Quotas = append(into.Quotas,
		quota("volumes", b.MaxTotalVolumes, b.TotalVolumesUsed, len(r.Volumes)),
		quota("gigabytes", b.MaxTotalVolumeGigabytes, b.TotalGigabytesUsed, int(size)))
	return nil
}

// networkQuotas asks Neutron. Older ones tell quotas to administrators only: then they are left out of the plan.
func (s *services) networkQuotas(ctx context.Context, r cloud.PlanRequest, into *cloud.Planned) error {
	details, err := quotas.GetDetail(ctx, s.network, s.project).Extract()
	switch err = translate(err, "asking Neutron for its quotas"); {
	case fault.Is(err, fault.Unauthorized), fault.Is(err, fault.NotFound):
		return nil
	case err != nil:
		return err
	}
	into.Quotas = append(into.Quotas,
		quota("ports", details.Port.Limit, details.Port.Used, 1),
		quota("security groups", details.SecurityGroup.Limit, details.SecurityGroup.Used, 1))
	if r.Public != "" {
		into.Quotas = append(into.Quotas, quota("floating addresses", details.FloatingIP.Limit, details.FloatingIP.Used, 1))
	}
	return nil
}

func quota(name string, limit, used, needed int) cloud.Quota {
	return cloud.Quota{Name: name, Limit: int64(limit), Used: int64(used), Needed: int64(needed)}
}
