// Package kubernetes holds manifests for kustomize. Its tests build them as kustomize does, and read the result strictly, as the
// API server would.
package kubernetes

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// manifests are what an overlay builds.
type manifests struct {
	deployment appsv1.Deployment
	account    corev1.ServiceAccount
	budget     policyv1.PodDisruptionBudget
	network    networkingv1.NetworkPolicy
	service    corev1.Service
	config     corev1.ConfigMap
	claim      corev1.PersistentVolumeClaim
	kinds      map[string]int
}

func build(t *testing.T, folder string) *manifests {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	require.NoError(t, err)
	m := &manifests{kinds: map[string]int{}}
	into := map[string]any{
		"Deployment": &m.deployment, "ServiceAccount": &m.account, "PodDisruptionBudget": &m.budget, "NetworkPolicy": &m.network,
		"Service": &m.service, "ConfigMap": &m.config, "PersistentVolumeClaim": &m.claim,
	}
	for _, r := range resources.Resources() {
		m.kinds[r.GetKind()]++
		if r.GetKind() == "ServiceMonitor" { // Of the Prometheus operator: not Kubernetes' own.
			continue
		}
		require.Contains(t, into, r.GetKind())
		text, err := r.AsYAML()
		require.NoError(t, err)
		require.NoError(t, yaml.UnmarshalStrict(text, into[r.GetKind()]), string(text))
	}
	return m
}

func overlays(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob("overlays/*")
	require.NoError(t, err)
	require.NotEmpty(t, found)
	return found
}

func TestTheBaseBuilds(t *testing.T) {
	t.Parallel()
	m := build(t, "base")
	require.Equal(t, map[string]int{"Deployment": 1, "ServiceAccount": 1, "PodDisruptionBudget": 1, "NetworkPolicy": 1, "Service": 1}, m.kinds)
	require.Equal(t, int32(2), *m.deployment.Spec.Replicas)
}

func TestAWorkerHasNoRights(t *testing.T) {
	t.Parallel()
	for _, folder := range append(overlays(t), "base") {
		pod := build(t, folder).deployment.Spec.Template.Spec
		require.False(t, *pod.AutomountServiceAccountToken, folder)
		require.True(t, *pod.SecurityContext.RunAsNonRoot, folder)
		require.Equal(t, int64(65532), *pod.SecurityContext.RunAsUser, folder)
		require.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, pod.SecurityContext.SeccompProfile.Type, folder)
		require.False(t, pod.HostNetwork || pod.HostPID || pod.HostIPC, folder)
		for _, c := range append(pod.InitContainers, pod.Containers...) {
			require.False(t, *c.SecurityContext.AllowPrivilegeEscalation, folder)
			require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem, folder)
			require.Equal(t, []corev1.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop, folder)
			require.Empty(t, c.SecurityContext.Capabilities.Add, folder)
			require.False(t, c.Resources.Limits.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero(), folder)
			for _, e := range c.Env {
				require.Nil(t, e.ValueFrom, "%s: %s: a secret in the environment", folder, e.Name)
			}
		}
		require.False(t, *build(t, folder).account.AutomountServiceAccountToken)
	}
}

// Secrets are mounted where the worker does not see them, and copied into memory.
func TestSecretsAreTheWorkersAlone(t *testing.T) {
	t.Parallel()
	for _, folder := range overlays(t) {
		pod := build(t, folder).deployment.Spec.Template.Spec
		for _, v := range pod.Volumes {
			if v.Secret != nil {
				for _, mount := range pod.Containers[0].VolumeMounts {
					require.NotEqual(t, v.Name, mount.Name, folder)
				}
			}
			if v.Name == "secrets" {
				require.Equal(t, corev1.StorageMediumMemory, v.EmptyDir.Medium)
			}
		}
		require.Equal(t, "secrets", pod.InitContainers[0].Name)
	}
}

// What refers to something finds it, under the names that the overlay gives.
func TestReferencesAreKept(t *testing.T) {
	t.Parallel()
	for _, folder := range overlays(t) {
		m := build(t, folder)
		name := "fermata-worker-" + filepath.Base(folder)
		pod := m.deployment.Spec.Template
		require.Equal(t, "fermata", m.deployment.Namespace)
		require.Equal(t, name, m.deployment.Name)
		require.Equal(t, name, m.account.Name)
		require.Equal(t, name, pod.Spec.ServiceAccountName)
		for _, selector := range []map[string]string{
			m.deployment.Spec.Selector.MatchLabels, m.budget.Spec.Selector.MatchLabels, m.network.Spec.PodSelector.MatchLabels, m.service.Spec.Selector,
		} {
			require.Equal(t, filepath.Base(folder), selector["fermata.example/worker"], "one worker is not taken for another")
			for key, value := range selector {
				require.Equal(t, value, pod.Labels[key], key)
			}
		}
		require.True(t, strings.HasPrefix(m.config.Name, "fermata-installation-"), m.config.Name)
		require.Contains(t, m.config.Data, "fermata.yaml")
		mounted := map[string]corev1.Volume{}
		for _, v := range pod.Spec.Volumes {
			mounted[v.Name] = v
		}
		require.Equal(t, m.config.Name, mounted["installation"].ConfigMap.Name)
		require.Equal(t, "fermata-secrets-"+filepath.Base(folder), mounted["mounted"].Secret.SecretName)
		for _, c := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
			require.Equal(t, "registry.example/fermata:v0.1.0", c.Image)
			for _, v := range c.VolumeMounts {
				require.Contains(t, mounted, v.Name)
			}
		}
		if v, there := mounted["records"]; there {
			require.Equal(t, m.claim.Name, v.PersistentVolumeClaim.ClaimName)
			require.Equal(t, appsv1.RecreateDeploymentStrategyType, m.deployment.Spec.Strategy.Type)
		}
	}
}

func TestProbesAskTheWorker(t *testing.T) {
	t.Parallel()
	c := build(t, "base").deployment.Spec.Template.Spec.Containers[0]
	require.Equal(t, "/healthz", c.StartupProbe.HTTPGet.Path)
	require.Equal(t, "/healthz", c.LivenessProbe.HTTPGet.Path)
	require.Equal(t, "/readyz", c.ReadinessProbe.HTTPGet.Path)
	for _, p := range []*corev1.Probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
		require.Equal(t, c.Ports[0].Name, p.HTTPGet.Port.String())
	}
	require.Equal(t, int32(9464), c.Ports[0].ContainerPort)
}
