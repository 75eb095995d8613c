// Command tofu serves the provider of package disk. The test of real plans (test/life) runs it below Terraform and OpenTofu, and
// changes the files behind their back. It is never shipped.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/driftsentry/driftsentry/test/tofu/disk"
)

// address is the provider's source in configurations and in the CLI's dev_overrides. It is in no registry.
const address = "registry.example/driftsentry/disk"

func main() {
	err := providerserver.Serve(context.Background(), func() provider.Provider { return disk.Provider{} }, providerserver.ServeOpts{Address: address})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
