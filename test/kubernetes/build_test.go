package kubernetes

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const root = "../.."

// manifests is everything that kubectl apply -k would send, by kind.
type manifests struct {
	configMaps      map[string]*corev1.ConfigMap
	services        map[string]*corev1.Service
	serviceAccounts map[string]*corev1.ServiceAccount
	deployments     []*appsv1.Deployment
	jobs            []*batchv1.Job
	budgets         []*policyv1.PodDisruptionBudget
	autoscalers     []*autoscalingv2.HorizontalPodAutoscaler
	policies        []*networkingv1.NetworkPolicy
	ingresses       []*networkingv1.Ingress
	monitors        []*monitoringv1.ServiceMonitor
	probes          []*monitoringv1.Probe
	rules           []*monitoringv1.PrometheusRule
	namespaces      []*corev1.Namespace
}

// build fails on a field that the API does not know, in its own spelling, and on one that is there twice.
func build(t *testing.T, path string) *manifests {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(root, "deploy/kubernetes", path))
	if err != nil {
		t.Fatal(err)
	}
	text, err := resources.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		appsv1.AddToScheme, autoscalingv2.AddToScheme, batchv1.AddToScheme, corev1.AddToScheme, monitoringv1.AddToScheme,
		networkingv1.AddToScheme, policyv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	strict := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true})
	m := &manifests{
		configMaps: map[string]*corev1.ConfigMap{}, services: map[string]*corev1.Service{}, serviceAccounts: map[string]*corev1.ServiceAccount{},
	}
	documents := yaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(text)))
	for buffer := make([]byte, len(text)); ; {
		n, err := documents.Read(buffer)
		if errors.Is(err, io.EOF) {
			return m
		}
		if err != nil {
			t.Fatal(err)
		}
		object, _, err := strict.Decode(buffer[:n], nil, nil)
		if err != nil {
			t.Fatalf("%v:\n%s", err, buffer[:n])
		}
		m.add(t, object)
	}
}

func (m *manifests) add(t *testing.T, object runtime.Object) {
	t.Helper()
	switch o := object.(type) {
	case *corev1.ConfigMap:
		m.configMaps[o.Name] = o
	case *corev1.Service:
		m.services[o.Name] = o
	case *corev1.ServiceAccount:
		m.serviceAccounts[o.Name] = o
	case *appsv1.Deployment:
		m.deployments = append(m.deployments, o)
	case *batchv1.Job:
		m.jobs = append(m.jobs, o)
	case *policyv1.PodDisruptionBudget:
		m.budgets = append(m.budgets, o)
	case *autoscalingv2.HorizontalPodAutoscaler:
		m.autoscalers = append(m.autoscalers, o)
	case *networkingv1.NetworkPolicy:
		m.policies = append(m.policies, o)
	case *networkingv1.Ingress:
		m.ingresses = append(m.ingresses, o)
	case *monitoringv1.ServiceMonitor:
		m.monitors = append(m.monitors, o)
	case *monitoringv1.Probe:
		m.probes = append(m.probes, o)
	case *monitoringv1.PrometheusRule:
		m.rules = append(m.rules, o)
	case *corev1.Namespace:
		m.namespaces = append(m.namespaces, o)
	default:
		t.Errorf("nothing looks at %T", object) // A Secret above all.
	}
}

// templates are those of all pods, by the name of what makes them.
func (m *manifests) templates() map[string]corev1.PodTemplateSpec {
	list := map[string]corev1.PodTemplateSpec{}
	for _, d := range m.deployments {
		list[d.Name] = d.Spec.Template
	}
	for _, j := range m.jobs {
		list[j.Name] = j.Spec.Template
	}
	return list
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
