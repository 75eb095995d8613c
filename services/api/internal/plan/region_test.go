package plan

import "testing"

func TestRead_region(t *testing.T) {
	for attributes, want := range map[string]string{
		`"region":"eu-central-1","arn":"arn:aws:x:us-east-1:1:y"`: "eu-central-1",
		`"arn":"arn:aws:ec2:us-east-1:123456789012:instance/i-1"`: "us-east-1",
		`"arn":"arn:aws-us-gov:s3:us-gov-west-1:1:b"`:             "us-gov-west-1",
		`"arn":"arn:aws:iam::123456789012:role/r"`:                "",
		`"arn":"no arn"`:                   "",
		`"availability_zone":"us-east-1a"`: "us-east-1",
		`"zone":"us-central1-a"`:           "us-central1",
		`"location":"westeurope"`:          "westeurope",
		`"location":"East US 2"`:           "East US 2",
		`"location":"/var/log"`:            "",
		`"location":"https://example.com"`: "",
		`"region":7`:                       "",
		`"region":"","location":"EU"`:      "EU",
		`"x":1`:                            "",
	} {
		c := one(t, drifted(update("a", `{"n":1,`+attributes+`}`, `{"n":2,`+attributes+`}`)))
		if c.Region != want {
			t.Errorf("%s: got %q, want %q", attributes, c.Region, want)
		}
	}
	t.Run("of a deleted resource", func(t *testing.T) {
		if c := one(t, drifted(update("a", `{"region":"eu-west-1"}`, `null`))); c.Region != "eu-west-1" {
			t.Errorf("got %q", c.Region)
		}
	})
	t.Run("not from a masked attribute", func(t *testing.T) {
		if c := one(t, drifted(update("a", `{"n":1,"region":"eu-west-1"}`, `null`, `"before_sensitive":{"region":true}`))); c.Region != "" {
			t.Errorf("got %q", c.Region)
		}
	})
}

func TestProvider(t *testing.T) {
	for source, want := range map[string]string{
		"registry.terraform.io/hashicorp/aws":             "hashicorp/aws",
		"registry.opentofu.org/hashicorp/aws":             "hashicorp/aws",
		"example.com/dev/fakecloud":                       "dev/fakecloud",
		"terraform.io/builtin/terraform":                  "builtin/terraform",
		`provider["registry.terraform.io/hashicorp/aws"]`: "hashicorp/aws",
		"hashicorp/aws":                                   "hashicorp/aws",
		"aws":                                             "aws",
		"":                                                "",
	} {
		if got := provider(source); got != want {
			t.Errorf("%q: got %q, want %q", source, got, want)
		}
	}
}
