package disk

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// file is a type of resource. Two types have the same attributes, so that one can move to the other.
type file struct {
	kind   string // disk_<kind>
	was    string // the kind whose states this one takes over; empty for none
	folder folder
}

func (f *file) Metadata(_ context.Context, _ resource.MetadataRequest, res *resource.MetadataResponse) {
	res.TypeName = "disk_" + f.kind
}

func (*file) Schema(_ context.Context, _ resource.SchemaRequest, res *resource.SchemaResponse) {
	res.Schema = attributes()
}

func attributes() schema.Schema {
	anew := []planmodifier.String{stringplanmodifier.RequiresReplace()}
	kept := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	return schema.Schema{
		Attributes: map[string]schema.Attribute{
			"id":       schema.StringAttribute{Computed: true, PlanModifiers: kept},
			"name":     schema.StringAttribute{Required: true, PlanModifiers: anew},
			"size":     schema.StringAttribute{Optional: true},
			"cpus":     schema.Int64Attribute{Optional: true},
			"public":   schema.BoolAttribute{Optional: true},
			"zones":    schema.ListAttribute{Optional: true, ElementType: types.StringType},
			"ports":    schema.SetAttribute{Optional: true, ElementType: types.Int64Type},
			"tags":     schema.MapAttribute{Optional: true, ElementType: types.StringType},
			"password": schema.StringAttribute{Optional: true, Sensitive: true},
			"policy":   schema.StringAttribute{Optional: true},
		},
		Blocks: map[string]schema.Block{
			"rule": schema.ListNestedBlock{NestedObject: schema.NestedBlockObject{Attributes: map[string]schema.Attribute{
				"port": schema.Int64Attribute{Required: true},
				"cidr": schema.StringAttribute{Required: true},
			}}},
		},
	}
}

func (f *file) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	if given, ok := req.ProviderData.(folder); ok { // It is nil while a configuration is only validated.
		f.folder = given
	}
}

func (f *file) Create(ctx context.Context, req resource.CreateRequest, res *resource.CreateResponse) {
	var s server
	res.Diagnostics.Append(req.Plan.Get(ctx, &s)...)
	if res.Diagnostics.HasError() {
		return
	}
	if err := f.folder.save(&s); err != nil {
		res.Diagnostics.AddError("The file cannot be written.", err.Error())
		return
	}
	res.Diagnostics.Append(res.State.Set(ctx, &s)...)
}

func (f *file) Read(ctx context.Context, req resource.ReadRequest, res *resource.ReadResponse) {
	var s server
	res.Diagnostics.Append(req.State.Get(ctx, &s)...)
	if res.Diagnostics.HasError() {
		return
	}
	now, found, err := f.folder.load(s.Name)
	switch {
	case err != nil:
		res.Diagnostics.AddError("The file cannot be read.", err.Error())
	case !found:
		res.State.RemoveResource(ctx)
	default:
		res.Diagnostics.Append(res.State.Set(ctx, &now)...)
	}
}

func (f *file) Update(ctx context.Context, req resource.UpdateRequest, res *resource.UpdateResponse) {
	var s server
	res.Diagnostics.Append(req.Plan.Get(ctx, &s)...)
	if res.Diagnostics.HasError() {
		return
	}
	if err := f.folder.save(&s); err != nil {
		res.Diagnostics.AddError("The file cannot be written.", err.Error())
		return
	}
	res.Diagnostics.Append(res.State.Set(ctx, &s)...)
}

func (f *file) Delete(ctx context.Context, req resource.DeleteRequest, res *resource.DeleteResponse) {
	var s server
	res.Diagnostics.Append(req.State.Get(ctx, &s)...)
	if res.Diagnostics.HasError() {
		return
	}
	if err := f.folder.remove(s.Name); err != nil {
		res.Diagnostics.AddError("The file cannot be removed.", err.Error())
	}
}

// MoveState lets `moved` carry a resource from one type to the other.
func (f *file) MoveState(context.Context) []resource.StateMover {
	if f.was == "" {
		return nil
	}
	from := attributes()
	return []resource.StateMover{{
		SourceSchema: &from,
		StateMover: func(ctx context.Context, req resource.MoveStateRequest, res *resource.MoveStateResponse) {
			if req.SourceTypeName != "disk_"+f.was || req.SourceState == nil {
				return
			}
			var s server
			res.Diagnostics.Append(req.SourceState.Get(ctx, &s)...)
			if res.Diagnostics.HasError() {
				return
			}
			res.Diagnostics.Append(res.TargetState.Set(ctx, &s)...)
		},
	}}
}
