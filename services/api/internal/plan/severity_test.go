package plan

import (
	"fmt"
	"testing"
)

func TestSeverity(t *testing.T) {
	for _, tt := range []struct {
		name, typ, actions, before, after string
		want                              Severity
	}{
		{"delete", "aws_thing", `["delete"]`, `{"a":1}`, `null`, Critical},
		{"replace", "aws_thing", `["delete","create"]`, `{"a":1}`, `{"a":2}`, Critical},
		{"the rest", "aws_thing", `["update"]`, `{"a":1}`, `{"a":2}`, Warning},
		{"tags only", "aws_thing", `["update"]`, `{"tags":{"a":"1"},"tags_all":{}}`, `{"tags":{"a":"2"},"tags_all":{"a":"2"}}`, Info},
		{"labels only", "google_thing", `["update"]`, `{"labels":{}}`, `{"labels":{"a":"2"}}`, Info},
		{"tags and more", "aws_thing", `["update"]`, `{"tags":{},"a":1}`, `{"tags":{"a":"2"},"a":2}`, Warning},
		{"tags of an IAM policy", "aws_iam_policy", `["update"]`, `{"tags":{}}`, `{"tags":{"a":"2"}}`, Info},
		{"tags with an open address", "aws_security_group", `["update"]`, `{"tags":{}}`, `{"tags":{"a":"0.0.0.0/0"}}`, Info},

		{"IAM policy", "aws_iam_policy", `["update"]`, `{"policy":"{}"}`, `{"policy":"{\"x\":1}"}`, Critical},
		{"IAM attachment", "aws_iam_role_policy_attachment", `["update"]`, `{"role":"a"}`, `{"role":"b"}`, Critical},
		{"who may assume a role", "aws_iam_role", `["update"]`, `{"assume_role_policy":"a"}`, `{"assume_role_policy":"b"}`, Critical},
		{"the policies of a role", "aws_iam_role", `["update"]`, `{"managed_policy_arns":["a"]}`, `{"managed_policy_arns":[]}`, Critical},
		{"something else of a role", "aws_iam_role", `["update"]`, `{"description":"a"}`, `{"description":"b"}`, Warning},
		{"GCP IAM", "google_project_iam_member", `["update"]`, `{"member":"a"}`, `{"member":"b"}`, Critical},
		{"Azure role", "azurerm_role_assignment", `["update"]`, `{"principal_id":"a"}`, `{"principal_id":"b"}`, Critical},
		{"the policy document of a bucket", "aws_s3_bucket_policy", `["update"]`, `{"policy":"{\"Statement\":[{\"Effect\":\"Deny\"}]}"}`, `{"policy":"{}"}`, Critical},
		{"a policy of another kind", "aws_autoscaling_policy", `["update"]`, `{"policy_type":"a"}`, `{"policy_type":"b"}`, Warning},
		{"no member of IAM", "aws_guardduty_member", `["update"]`, `{"email":"a"}`, `{"email":"b"}`, Warning},

		{"ingress opened", "aws_security_group", `["update"]`, `{"ingress":[{"cidr_blocks":["10.0.0.0/8"],"from_port":22}]}`,
			`{"ingress":[{"cidr_blocks":["10.0.0.0/8","0.0.0.0/0"],"from_port":22}]}`, Critical},
		{"ingress opened for IPv6", "aws_security_group", `["update"]`, `{"ingress":[]}`, `{"ingress":[{"ipv6_cidr_blocks":["::/0"]}]}`, Critical},
		{"ingress that was open", "aws_security_group", `["update"]`, `{"ingress":[{"cidr_blocks":["0.0.0.0/0"],"from_port":443,"description":"a"}]}`,
			`{"ingress":[{"cidr_blocks":["10.1.0.0/16"],"from_port":22},{"cidr_blocks":["0.0.0.0/0"],"from_port":443,"description":"b"}]}`, Warning},
		{"another port opened", "aws_security_group", `["update"]`, `{"ingress":[{"cidr_blocks":["0.0.0.0/0"],"from_port":443}]}`,
			`{"ingress":[{"cidr_blocks":["0.0.0.0/0"],"from_port":443},{"cidr_blocks":["0.0.0.0/0"],"from_port":22}]}`, Critical},
		{"an open rule with more ports", "aws_security_group_rule", `["update"]`, `{"type":"ingress","cidr_blocks":["0.0.0.0/0"],"to_port":443}`,
			`{"type":"ingress","cidr_blocks":["0.0.0.0/0"],"to_port":65535}`, Critical},
		{"ingress closed", "aws_security_group", `["update"]`, `{"ingress":[{"cidr_blocks":["0.0.0.0/0"]}]}`, `{"ingress":[]}`, Warning},
		{"egress opened", "aws_security_group", `["update"]`, `{"egress":[]}`, `{"egress":[{"cidr_blocks":["0.0.0.0/0"]}]}`, Warning},
		{"an egress rule opened", "aws_security_group_rule", `["update"]`, `{"type":"egress","cidr_blocks":[]}`, `{"type":"egress","cidr_blocks":["0.0.0.0/0"]}`, Warning},
		{"an egress rule by its type", "aws_vpc_security_group_egress_rule", `["update"]`, `{"cidr_ipv4":"10.0.0.0/8"}`, `{"cidr_ipv4":"0.0.0.0/0"}`, Warning},
		{"an ingress rule by its type", "aws_vpc_security_group_ingress_rule", `["update"]`, `{"cidr_ipv4":"10.0.0.0/8"}`, `{"cidr_ipv4":"0.0.0.0/0"}`, Critical},
		{"a rule made by hand", "aws_security_group_rule", `["create"]`, `null`, `{"type":"ingress","cidr_blocks":["0.0.0.0/0"]}`, Critical},
		{"a firewall opened", "google_compute_firewall", `["update"]`, `{"source_ranges":["10.0.0.0/8"]}`, `{"source_ranges":["0.0.0.0/0"]}`, Critical},
		{"a firewall's way out", "google_compute_firewall", `["update"]`, `{"direction":"EGRESS"}`, `{"direction":"EGRESS","destination_ranges":["0.0.0.0/0"]}`, Warning},
		{"an Azure rule opened", "azurerm_network_security_rule", `["update"]`, `{"access":"Allow","direction":"Inbound","source_address_prefix":"10.0.0.0/8"}`,
			`{"access":"Allow","direction":"Inbound","source_address_prefix":"*"}`, Critical},
		{"an Azure rule that denies", "azurerm_network_security_rule", `["update"]`, `{"access":"Deny","source_address_prefix":"10.0.0.0/8"}`,
			`{"access":"Deny","source_address_prefix":"*"}`, Warning},
		{"a cluster's API opened", "aws_eks_cluster", `["update"]`, `{"vpc_config":[{"public_access_cidrs":["10.0.0.0/8"]}]}`,
			`{"vpc_config":[{"public_access_cidrs":["0.0.0.0/0"]}]}`, Critical},
		{"a route is no rule", "aws_route", `["update"]`, `{"destination_cidr_block":"10.0.0.0/8"}`, `{"destination_cidr_block":"0.0.0.0/0"}`, Warning},
		{"a masked address still counts", "aws_security_group", `["update"]`, `{"ingress":[]}`, `{"ingress":[{"cidr_blocks":["0.0.0.0/0"],"secret":"0.0.0.0/0"}]}`, Critical},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := one(t, drifted(fmt.Sprintf(`{"address":"a.b","type":%q,"change":{"actions":%s,"before":%s,"after":%s}}`, tt.typ, tt.actions, tt.before, tt.after)))
			if c.Severity != tt.want {
				t.Errorf("got %s, want %s", c.Severity, tt.want)
			}
		})
	}
	t.Run("the other direction of a planned change", func(t *testing.T) {
		open, shut := `{"ingress":[{"cidr_blocks":["0.0.0.0/0"]}]}`, `{"ingress":[]}`
		for _, tt := range []struct {
			before, after string
			want          Severity
		}{{open, shut, Critical}, {shut, open, Warning}} { // before is what there is
			c := one(t, fmt.Sprintf(`{"format_version":"1.2","resource_changes":[{"address":"a.b","type":"aws_security_group",`+
				`"change":{"actions":["update"],"before":%s,"after":%s}}]}`, tt.before, tt.after), true)
			if c.Severity != tt.want {
				t.Errorf("%s to %s: got %s, want %s", tt.before, tt.after, c.Severity, tt.want)
			}
		}
	})
}
