package plan

import (
	"fmt"
	"strings"
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

		{"labels of Google", "google_compute_instance", `["update"]`, `{"label_fingerprint":"a","effective_annotations":{}}`, `{"label_fingerprint":"b","effective_annotations":{"a":"b"}}`, Info},
		{"tags of an autoscaling group", "aws_autoscaling_group", `["update"]`, `{"tag":[]}`, `{"tag":[{"key":"a","value":"b"}]}`, Info},
		{"the tag of an image", "docker_image", `["update"]`, `{"tag":"a"}`, `{"tag":"b"}`, Warning},
		{"annotations of a namespace", "kubernetes_namespace", `["update"]`, `{"metadata":[{"annotations":{}}]}`, `{"metadata":[{"annotations":{"a":"b"},"resource_version":"2"}]}`, Info},
		{"annotations of a service", "kubernetes_service", `["update"]`, `{"metadata":[{"annotations":{}}]}`, `{"metadata":[{"annotations":{"a":"b"}}]}`, Warning},
		{"network tags of Google", "google_compute_instance", `["update"]`, `{"tags":["web"]}`, `{"tags":["web","ssh-open"]}`, Warning},
		{"network tags of Google's nodes", "google_container_node_pool", `["update"]`, `{"node_config":[{"tags":["a"]}]}`, `{"node_config":[{"tags":["b"]}]}`, Warning},
		{"labels of Google's nodes", "google_container_node_pool", `["update"]`, `{"node_config":[{"labels":{}}]}`, `{"node_config":[{"labels":{"a":"b"}}]}`, Warning},
		{"labels of Google's cluster", "google_container_cluster", `["update"]`, `{"resource_labels":{}}`, `{"resource_labels":{"a":"b"}}`, Info},
		{"annotations of Cloud Run", "google_cloud_run_service", `["update"]`, `{"metadata":[{"annotations":{}}]}`,
			`{"metadata":[{"annotations":{"run.googleapis.com/ingress":"all"}}]}`, Warning},
		{"tags of a droplet", "digitalocean_droplet", `["update"]`, `{"tags":[]}`, `{"tags":["db-clients"]}`, Warning},
		{"tags of a device", "tailscale_device_tags", `["update"]`, `{"tags":[]}`, `{"tags":["tag:admin"]}`, Warning},
		{"labels of a server", "hcloud_server", `["update"]`, `{"labels":{}}`, `{"labels":{"firewall":"none"}}`, Warning},
		{"labels of a container", "docker_container", `["update"]`, `{"labels":[]}`, `{"labels":[{"label":"traefik.enable","value":"true"}]}`, Warning},
		{"labels of EKS nodes", "aws_eks_node_group", `["update"]`, `{"labels":{}}`, `{"labels":{"a":"b"}}`, Warning},
		{"tags of EKS nodes", "aws_eks_node_group", `["update"]`, `{"tags":{}}`, `{"tags":{"a":"b"}}`, Info},
		{"labels of a namespace", "kubernetes_namespace", `["update"]`, `{"metadata":[{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}]}`,
			`{"metadata":[{"labels":{}}]}`, Warning},
		{"labels of pods", "kubernetes_deployment_v1", `["update"]`, `{"spec":[{"template":[{"metadata":[{"labels":{"app":"a"}}]}]}]}`,
			`{"spec":[{"template":[{"metadata":[{"labels":{"app":"b"}}]}]}]}`, Warning},
		{"labels of a config map", "kubernetes_config_map", `["update"]`, `{"metadata":[{"labels":{}}]}`, `{"metadata":[{"labels":{"a":"b"}}]}`, Info},
		{"tags of Azure", "azurerm_linux_virtual_machine", `["update"]`, `{"tags":{}}`, `{"tags":{"a":"b"}}`, Info},
		{"the order of a list", "aws_thing", `["update"]`, `{"l":["a","b"]}`, `{"l":["b","a"]}`, Info},
		{"an order and a value", "aws_thing", `["update"]`, `{"l":["a","b"],"x":1}`, `{"l":["b","a"],"x":2}`, Warning},
		{"a null that became something", "aws_thing", `["update"]`, `{"x":null}`, `{"x":false}`, Warning},

		{"public access block off", "aws_s3_bucket_public_access_block", `["update"]`, `{"block_public_acls":true}`, `{"block_public_acls":false}`, Critical},
		{"public access block on", "aws_s3_bucket_public_access_block", `["update"]`, `{"block_public_acls":false}`, `{"block_public_acls":true}`, Warning},
		{"public access block half off", "aws_s3_bucket_public_access_block", `["update"]`, `{"block_public_acls":true,"ignore_public_acls":true}`, `{"block_public_acls":true}`, Critical},
		{"a public database", "aws_db_instance", `["update"]`, `{"publicly_accessible":false}`, `{"publicly_accessible":true}`, Critical},
		{"a database that is public no more", "aws_db_instance", `["update"]`, `{"publicly_accessible":true}`, `{"publicly_accessible":false}`, Warning},
		{"a public bucket", "aws_s3_bucket_acl", `["update"]`, `{"acl":"private"}`, `{"acl":"public-read"}`, Critical},
		{"Azure's public access", "azurerm_storage_account", `["update"]`, `{"allow_nested_items_to_be_public":false}`, `{"allow_nested_items_to_be_public":true}`, Critical},
		{"Google's public access", "google_storage_bucket", `["update"]`, `{"public_access_prevention":"enforced"}`, `{"public_access_prevention":"inherited"}`, Critical},
		{"a principal of all", "aws_lambda_permission", `["update"]`, `{"principal":"s3.amazonaws.com"}`, `{"principal":"*"}`, Critical},
		{"a principal of a queue's policy", "aws_sqs_queue_policy", `["update"]`, `{"policy":"{\"Statement\":[{\"Principal\":\"a\"}]}"}`, `{"policy":"{\"Statement\":[{\"Principal\":\"*\"}]}"}`, Critical},

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
		{"a public container", "azurerm_storage_container", `["update"]`, `{"container_access_type":"private"}`, `{"container_access_type":"blob"}`, Critical},
		{"a public container with a list", "azurerm_storage_container", `["update"]`, `{"container_access_type":"private"}`, `{"container_access_type":"container"}`, Critical},
		{"a container that is public no more", "azurerm_storage_container", `["update"]`, `{"container_access_type":"blob"}`, `{"container_access_type":"private"}`, Warning},
		{"a database for every network", "google_sql_database_instance", `["update"]`,
			`{"settings":[{"ip_configuration":[{"authorized_networks":[]}]}]}`,
			`{"settings":[{"ip_configuration":[{"authorized_networks":[{"name":"x","value":"0.0.0.0/0"}]}]}]}`, Critical},
		{"a database for every address", "azurerm_mssql_firewall_rule", `["update"]`, `{"start_ip_address":"10.0.0.1","end_ip_address":"10.0.0.1"}`,
			`{"start_ip_address":"0.0.0.0","end_ip_address":"255.255.255.255"}`, Critical},
		{"a snapshot for all", "aws_db_snapshot", `["update"]`, `{"shared_accounts":[]}`, `{"shared_accounts":["all"]}`, Critical},
		{"an image for all", "aws_ami_launch_permission", `["update"]`, `{"group":""}`, `{"group":"all"}`, Critical},
		{"an OpenStack rule opened", "openstack_networking_secgroup_rule_v2", `["update"]`, `{"direction":"ingress","remote_ip_prefix":"10.0.0.0/8"}`,
			`{"direction":"ingress","remote_ip_prefix":"0.0.0.0/0"}`, Critical},
		{"an OpenStack rule's way out", "openstack_networking_secgroup_rule_v2", `["update"]`, `{"direction":"egress","remote_ip_prefix":"10.0.0.0/8"}`,
			`{"direction":"egress","remote_ip_prefix":"0.0.0.0/0"}`, Warning},
		{"ingress opened for IPv6, in full", "aws_security_group", `["update"]`, `{"ingress":[]}`, `{"ingress":[{"ipv6_cidr_blocks":["0:0:0:0:0:0:0:0/0"]}]}`, Critical},
		{"the world in another notation", "aws_security_group", `["update"]`, `{"ingress":[{"ipv6_cidr_blocks":["::/0"]}]}`, `{"ingress":[{"ipv6_cidr_blocks":["::0/0"]}]}`, Warning},
		{"ingress opened in halves", "aws_security_group", `["update"]`, `{"ingress":[]}`, `{"ingress":[{"cidr_blocks":["0.0.0.0/1","128.0.0.0/1"]}]}`, Critical},
		{"ingress from a large network", "aws_security_group", `["update"]`, `{"ingress":[]}`, `{"ingress":[{"cidr_blocks":["10.0.0.0/8"]}]}`, Warning},
		{"an open rule that is enabled", "google_compute_firewall", `["update"]`, `{"disabled":true,"source_ranges":["0.0.0.0/0"]}`, `{"disabled":false,"source_ranges":["0.0.0.0/0"]}`, Critical},
		{"an open rule that is disabled", "google_compute_firewall", `["update"]`, `{"disabled":true,"source_ranges":[]}`, `{"disabled":true,"source_ranges":["0.0.0.0/0"]}`, Warning},
		{"a bucket's grant to all", "aws_s3_bucket", `["update"]`, `{"grant":[]}`, `{"grant":[{"type":"Group","uri":"http://acs.amazonaws.com/groups/global/AllUsers"}]}`, Critical},
		{"a function's URL for all", "aws_lambda_function_url", `["update"]`, `{"authorization_type":"AWS_IAM"}`, `{"authorization_type":"NONE"}`, Critical},
		{"the tags of volumes", "aws_instance", `["update"]`, `{"volume_tags":{}}`, `{"volume_tags":{"a":"b"}}`, Info},
		{"a masked address still counts", "aws_security_group", `["update"]`, `{"ingress":[]}`, `{"ingress":[{"cidr_blocks":["0.0.0.0/0"],"secret":"0.0.0.0/0"}]}`, Critical},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := one(t, drifted(fmt.Sprintf(`{"address":"a.b","type":%q,"change":{"actions":%s,"before":%s,"after":%s}}`, tt.typ, tt.actions, tt.before, tt.after)))
			if c.Severity != tt.want {
				t.Errorf("got %s, want %s", c.Severity, tt.want)
			}
		})
	}
	t.Run("a default that the provider filled in", func(t *testing.T) {
		for _, tt := range []struct {
			before, after, planned string
			want                   Severity
		}{
			{`{"x":null}`, `{"x":false}`, "no-op", Info},
			{`{"x":null,"y":""}`, `{"x":"a","y":7}`, "no-op", Info},
			{`{"x":null}`, `{"x":false}`, "update", Warning},
			{`{"x":true}`, `{"x":false}`, "no-op", Warning},
			{`{"x":null}`, `{"x":["a"]}`, "no-op", Warning},
			{`{"publicly_accessible":null}`, `{"publicly_accessible":true}`, "no-op", Critical},
		} {
			planned := fmt.Sprintf(`,"resource_changes":[{"address":"aws_thing.a","type":"aws_thing","change":{"actions":[%q]}}]}`, tt.planned)
			if c := one(t, strings.TrimSuffix(drifted(update("a", tt.before, tt.after)), "}")+planned); c.Severity != tt.want {
				t.Errorf("%s to %s, %s: got %s", tt.before, tt.after, tt.planned, c.Severity)
			}
		}
	})
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
