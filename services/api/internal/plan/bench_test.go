package plan

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// generate makes a full plan of about size bytes in the way of Terraform. Of the resources one in drifts drifted.
func generate(size, drifts int) []byte {
	const states = 4 // how often each resource's attributes are in the plan
	var prior, planned, drift, changes, config bytes.Buffer
	for i := 0; prior.Len()*(states+1) < size; i++ {
		address := fmt.Sprintf(`module.site["%d"].aws_instance.web`, i)
		attributes := func(kind string) string {
			return fmt.Sprintf(`{"ami":"ami-0c55b159cbfafe1f0","arn":"arn:aws:ec2:eu-central-1:123456789012:instance/i-%016x",`+
				`"ebs_block_device":[{"device_name":"/dev/sdf","encrypted":true,"volume_size":100}],"instance_type":%q,`+
				`"metadata_options":[{"http_put_response_hop_limit":2,"http_tokens":"required"}],"password":"correct-horse-%d",`+
				`"tags":{"Name":"web-%d","team":"platform","url":"https://web-%d.example.com/path"},`+
				`"user_data":"#!/bin/sh\nexport PASSWORD=correct-horse-%d\nexec web --port 8080 --name %d\n",`+
				`"vpc_security_group_ids":["sg-0123456789abcdef0","sg-0fedcba9876543210"]}`, i, kind, i, i, i, i, i)
		}
		const masks = `{"password":true,"tags":{},"ebs_block_device":[{}],"vpc_security_group_ids":[false,false]}`
		head := fmt.Sprintf(`{"address":%q,"mode":"managed","type":"aws_instance","name":"web","provider_name":"registry.terraform.io/hashicorp/aws"`, address)
		entry := func(action, before, after string) string {
			return fmt.Sprintf(`%s,"change":{"actions":[%q],"before":%s,"after":%s,"after_unknown":{},"before_sensitive":%s,"after_sensitive":%s}},`,
				head, action, attributes(before), attributes(after), masks, masks)
		}
		resource := head + `,"schema_version":1,"values":` + attributes("t3.micro") + `,"sensitive_values":` + masks + `},`
		prior.WriteString(resource)
		planned.WriteString(resource)
		if i%drifts == 0 {
			drift.WriteString(entry("update", "t3.micro", "m5.large"))
			changes.WriteString(entry("update", "m5.large", "t3.micro"))
		} else {
			changes.WriteString(entry("no-op", "t3.micro", "t3.micro"))
		}
		fmt.Fprintf(&config, `{"address":"aws_instance.web","mode":"managed","type":"aws_instance","name":"web","expressions":{"ami":{"references":["var.ami"]},"tags":{"constant_value":{"n":%d}}}},`, i)
	}
	list := func(b bytes.Buffer) string { return strings.TrimSuffix(b.String(), ",") }
	return fmt.Appendf(nil, `{"format_version":"1.2","terraform_version":"1.11.4",`+
		`"planned_values":{"root_module":{"child_modules":[{"resources":[%s]}]}},"resource_drift":[%s],"resource_changes":[%s],`+
		`"prior_state":{"format_version":"1.0","values":{"root_module":{"child_modules":[{"resources":[%s]}]}}},`+
		`"configuration":{"root_module":{"module_calls":{"site":{"module":{"resources":[%s]}}}}},`+
		`"timestamp":"2026-11-23T00:08:33Z","applyable":true,"complete":true,"errored":false}`,
		list(planned), list(drift), list(changes), list(prior), list(config))
}

func BenchmarkRead(b *testing.B) {
	for _, drifts := range []int{1, 100} {
		b.Run(fmt.Sprintf("1_of_%d_drifted", drifts), func(b *testing.B) {
			raw := generate(16<<20, drifts)
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				p, err := Read(b.Context(), bytes.NewReader(raw), Options{Key: testKey})
				if err != nil || len(p.Changes) == 0 {
					b.Fatal(len(p.Changes), err)
				}
			}
		})
	}
}

// BenchmarkRead_large reads a plan of the largest size that is taken. It reports processor time, since other work on the machine
// changes how long it takes.
func BenchmarkRead_large(b *testing.B) {
	for drifts, size := range map[int]int{1: 50 << 20, 100: 60 << 20} {
		b.Run(fmt.Sprintf("1_of_%d_drifted", drifts), func(b *testing.B) {
			raw := generate(size, drifts)
			start := cpu()
			for b.Loop() {
				if _, err := Read(b.Context(), bytes.NewReader(raw), Options{Key: testKey}); err != nil {
					b.Fatal(err)
				}
			}
			took := cpu() - start
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(took.Milliseconds())/float64(b.N), "cpu-ms")
			b.ReportMetric(float64(len(raw))*float64(b.N)/1e6/took.Seconds(), "MB/cpu-s")
		})
	}
}

var testKey = []byte("a key for tests")
