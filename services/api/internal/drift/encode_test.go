package drift_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

func BenchmarkDrift_AppendJSON(b *testing.B) {
	d := &drift.Drift{
		ID: uuid.New(), Version: 1, Workspace: "staging", ResourceID: "module.web.aws_instance.this[0]", ResourceType: "aws_instance",
		Provider: "hashicorp/aws", Region: "eu-west-1", Origin: "drift", Severity: "critical", Status: drift.Detected,
		ExpectedState: []byte(`{"instance_type":"t3.micro","monitoring":true,"tags":{"Team":"core","Name":"web"}}`),
		ActualState:   []byte(`{"instance_type":"t3.large","monitoring":true,"tags":{"Team":"core","Name":"web"}}`),
		Difference:    []byte(`{"instance_type":{"expected":"t3.micro","actual":"t3.large"}}`),
		DetectedBy:    drift.DetectedByPlan, DetectedAt: time.Now(), FirstSeenAt: time.Now(), LastSeenAt: time.Now(),
		CreatedAt: time.Now(), UpdatedAt: time.Now(), CostImpactMonthly: 12.34, Occurrences: 3,
	}
	var buffer []byte
	b.ReportAllocs()
	for b.Loop() {
		buffer = d.AppendJSON(buffer[:0])
	}
	b.SetBytes(int64(len(buffer)))
}
