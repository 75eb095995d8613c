// Package disk is a Terraform provider whose infrastructure is a folder: each resource is a JSON file in it.
package disk

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
)

// Provider has one setting, the folder of the files.
type Provider struct{}

type settings struct {
	Folder string `tfsdk:"folder"`
}

// Metadata names the provider.
func (Provider) Metadata(_ context.Context, _ provider.MetadataRequest, res *provider.MetadataResponse) {
	res.TypeName = "disk"
}

// Schema has its setting.
func (Provider) Schema(_ context.Context, _ provider.SchemaRequest, res *provider.SchemaResponse) {
	res.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"folder": schema.StringAttribute{Required: true, Description: "Where the files are."},
	}}
}

// Configure hands the folder to the resources.
func (Provider) Configure(ctx context.Context, req provider.ConfigureRequest, res *provider.ConfigureResponse) {
	var s settings
	res.Diagnostics.Append(req.Config.Get(ctx, &s)...)
	res.ResourceData = folder(s.Folder)
}

// Resources are the types.
func (Provider) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		func() resource.Resource { return &file{kind: "server"} },
		func() resource.Resource { return &file{kind: "machine", was: "server"} },
	}
}

// DataSources are none.
func (Provider) DataSources(context.Context) []func() datasource.DataSource { return nil }
