package httpapi

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

func BenchmarkAppendDrift(b *testing.B) {
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
		buffer = appendDrift(buffer[:0], d)
	}
	b.SetBytes(int64(len(buffer)))
}

// What is written by hand is what encoding/json would write, for the values of which it has to take care.
func TestAppendDrift(t *testing.T) {
	at := func(nanos int) time.Time { return time.Date(2026, 2, 3, 4, 5, 6, nanos, time.FixedZone("", 3600)) }
	text, how, previous, later := "\"<&>\\\u2028\n – é", drift.ManualFix, uuid.MustParse("00ff0a1b-0000-4000-8000-0123456789ab"), at(7_999_999)
	check := uuid.MustParse("0a000000-0000-4000-8000-0123456789ab")
	d := &drift.Drift{
		ID: uuid.MustParse("0af76519-16cd-43dd-8448-eb211c80319c"), Version: 12, Workspace: "staging", ResourceID: "a[\"b\"]",
		ResourceType: "t", Provider: "p", Region: "r", Origin: "drift", PlannedAction: &text, ExpectedState: []byte(`{"a":1.50}`),
		ActualState: []byte("null"), Difference: []byte(`{}`), Severity: "info", Status: drift.Detected, CostImpactMonthly: 1e21,
		DetectedBy: "plan", DetectedAt: at(0), FirstSeenAt: at(1_000_000), LastSeenAt: at(10_000_000), Occurrences: 3,
		ApprovedAt: &later, ApprovedBy: &text, ApprovalReason: &text, ApprovedUntil: &later, RejectedBy: nil, ResolvedAt: nil, ResolvedHow: &how,
		CheckID: &check, PreviousID: &previous, DefaultSeverity: new(drift.Severity("warning")), SeverityBy: &check, SuppressedBy: &previous,
		SuppressedReason: &text, SuppressedUntil: &later, Owner: &text, OwnerBy: &text, CreatedAt: at(100_000_000), UpdatedAt: at(999_999_999),
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	if err := json.Unmarshal(appendDrift(nil, d), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(`{"id":"0af76519-16cd-43dd-8448-eb211c80319c","version":12,"workspace":"staging","resourceId":"a[\"b\"]",
		"resourceType":"t","provider":"p","region":"r","origin":"drift","plannedAction":`+string(quoted)+`,"expectedState":{"a":1.50},
		"actualState":null,"difference":{},"severity":"info","defaultSeverity":"warning","severityRule":"0a000000-0000-4000-8000-0123456789ab",
		"suppressed":{"rule":"00ff0a1b-0000-4000-8000-0123456789ab","reason":`+string(quoted)+`,"until":"2026-02-03T03:05:06.007Z"},
		"owner":`+string(quoted)+`,"ownerBy":`+string(quoted)+`,"status":"detected","costImpactMonthly":1000000000000000000000,
		"detectedBy":"plan","detectedAt":"2026-02-03T03:05:06.000Z","firstSeenAt":"2026-02-03T03:05:06.001Z",
		"lastSeenAt":"2026-02-03T03:05:06.010Z","occurrences":3,"approvedAt":"2026-02-03T03:05:06.007Z","approvedBy":`+string(quoted)+`,
		"approvalReason":`+string(quoted)+`,"approvedUntil":"2026-02-03T03:05:06.007Z","rejectedAt":null,"rejectedBy":null,"rejectionReason":null,"resolvedAt":null,
		"resolvedHow":"manual-fix","resolvedBasis":"decision","checkId":"0a000000-0000-4000-8000-0123456789ab","previousId":"00ff0a1b-0000-4000-8000-0123456789ab","createdAt":"2026-02-03T03:05:06.100Z",
		"updatedAt":"2026-02-03T03:05:06.999Z"}`), &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v\nwant\n%v", got, want)
	}
}
