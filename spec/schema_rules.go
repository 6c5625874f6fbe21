package spec

// constraint is what a field's type does not say. Parse checks the same, with the same forms and bounds.
type constraint struct {
	form      form // Of the value; of each value in a list.
	constant  string
	enum      []string
	value     any // What the field is if absent.
	low, high int // Of a number, where high is not 0.
	longest   int
	empty     bool     // Empty text is allowed.
	some      bool     // A list has at least one value.
	unique    bool     // A list has no value twice.
	keys      form     // Of the keys of a mapping.
	words     []string // That a mapping can have as keys.
}

var constraints = map[string]constraint{
	"Server.APIVersion":          {constant: APIVersion},
	"Server.Kind":                {constant: KindServer},
	"Metadata.Name":              {form: labelForm},
	"Metadata.Environment":       {form: labelForm},
	"Metadata.Site":              {form: labelForm},
	"Metadata.Labels":            {keys: labelKeyForm},
	"Compute.System":             {form: labelForm},
	"Compute.CPUs":               {low: 1, high: maxCPUs},
	"Compute.Customization":      {enum: []string{CloudInit, VMware}},
	"Compute.Annotation":         {empty: true},
	"Compute.Tags":               {form: tagForm, unique: true},
	"Network.Address":            {form: addrForm},
	"Network.Range":              {form: labelForm},
	"Network.Gateway":            {form: ipForm},
	"Network.Nameservers":        {form: ipForm, unique: true},
	"Network.Domain":             {form: domainForm, longest: 253},
	"Access.System":              {form: labelForm},
	"Access.User":                {form: userForm},
	"Access.Port":                {low: 1, high: 65535, value: DefaultSSHPort},
	"Access.UserData":            {longest: maxUserData},
	"Volume.Name":                {form: labelForm},
	"Volume.Filesystem":          {enum: []string{"ext4", "xfs"}, value: DefaultFilesystem},
	"Volume.Mount":               {form: mountForm},
	"Volume.Owner":               {form: ownerForm, value: DefaultOwner},
	"Volume.Mode":                {form: modeForm, value: DefaultMountMode},
	"OS.Timezone":                {form: timezoneForm},
	"OS.Packages":                {form: packageForm, unique: true},
	"User.Name":                  {form: userForm},
	"User.Home":                  {form: pathForm},
	"User.Shell":                 {form: pathForm, value: DefaultShell},
	"File.Path":                  {form: pathForm},
	"File.Content":               {empty: true},
	"File.Secret":                {form: secretForm},
	"File.Owner":                 {form: ownerForm, value: DefaultOwner},
	"File.Mode":                  {form: modeForm},
	"Service.Name":               {form: serviceForm},
	"Service.Enabled":            {value: true},
	"Service.State":              {enum: []string{StateRunning, StateStopped}, value: StateRunning},
	"Play.Name":                  {form: labelForm},
	"Play.System":                {form: labelForm},
	"Play.Playbook":              {form: playbookForm},
	"Play.Variables":             {keys: variableForm},
	"Play.Secrets":               {keys: variableForm},
	"Play.Tags":                  {form: playTagForm, unique: true},
	"Application.Service":        {form: serviceForm},
	"Package.Name":               {form: nameForm},
	"Package.Version":            {form: versionForm},
	"Repository.URI":             {form: urlForm},
	"Repository.Suite":           {form: suiteForm},
	"Repository.Components":      {form: componentForm},
	"Archive.URL":                {form: urlForm},
	"Archive.SHA256":             {form: sha256Form},
	"Archive.Into":               {form: mountForm},
	"Health.System":              {form: labelForm},
	"Health.Port":                {low: 1, high: 65535},
	"Health.Path":                {form: pathOfURL, value: DefaultHealthPath},
	"Health.Status":              {low: 100, high: 599, value: DefaultHealthStatus},
	"Rule.Name":                  {form: ruleForm},
	"Rule.System":                {form: labelForm},
	"Rule.From":                  {form: addrForm, some: true, unique: true},
	"Rule.Protocol":              {enum: []string{"tcp", "udp"}, value: DefaultProtocol},
	"Rule.Port":                  {low: 1, high: 65535},
	"LoadBalancer.System":        {form: labelForm},
	"LoadBalancer.Backend":       {form: backendForm},
	"LoadBalancer.Port":          {low: 1, high: 65535},
	"LoadBalancer.Weight":        {low: 1, high: 256, value: DefaultWeight},
	"LoadBalancer.Verify":        {form: urlForm},
	"LoadBalancer.VerifySystem":  {form: labelForm},
	"DNS.System":                 {form: labelForm},
	"DNS.Zone":                   {form: domainForm, longest: maxName},
	"DNS.TTL":                    {value: "5m"},
	"DNS.Reverse":                {value: true},
	"DNS.ReverseZone":            {form: reverseForm, longest: maxName},
	"Ticket.System":              {form: labelForm},
	"Ticket.Subject":             {longest: 200},
	"Inventory.System":           {form: labelForm},
	"Inventory.Class":            {form: classForm},
	"RunPolicy.OnFailure":        {enum: []string{OnFailureHold, OnFailureUndo}, value: OnFailureHold},
	"RunPolicy.ApprovalDeadline": {value: "72h"},
	"RunPolicy.RetryFor":         {value: "1h"},
	"RunPolicy.Grace":            {value: "168h"},

	"Policy.APIVersion":    {constant: APIVersion},
	"Policy.Kind":          {constant: KindPolicy},
	"PolicySpec.Groups":    {keys: ruleForm},
	"PolicySpec.Machines":  {form: principalForm},
	"PolicySpec.Rules":     {some: true},
	"Group.Members":        {form: principalForm, some: true},
	"Address.System":       {form: labelForm},
	"Automation.Stop":      {some: true},
	"Automation.Resume":    {some: true},
	"Match.Kinds":          {form: principalForm, some: true},
	"Match.Environments":   {form: principalForm, some: true},
	"Match.Sites":          {form: principalForm, some: true},
	"PolicyRule.Name":      {form: ruleForm},
	"PolicyRule.May":       {words: policyCommands},
	"PolicyRule.Change":    {enum: []string{ChangeNormal, ChangeStandard}, value: ChangeNormal},
	"Approval.Quorum":      {low: 1, high: maxQuorum, value: 1},
	"Approval.FourEyes":    {value: true},
	"Escalation.To":        {some: true},
	"Emergency.By":         {some: true},
	"Emergency.Review":     {some: true},
	"Limit.Name":           {form: ruleForm},
	"Limit.ChangesPerHour": {low: 1, high: maxLimit},
	"Limit.TargetsPerRun":  {low: 1, high: maxLimit},

	"Instance.APIVersion":        {constant: APIVersion},
	"Instance.Kind":              {constant: KindInstance},
	"Cloud.System":               {form: labelForm},
	"Cloud.Image":                {form: cloudForm},
	"Cloud.Flavor":               {form: cloudForm},
	"Cloud.Network":              {form: cloudForm},
	"Cloud.Address":              {form: ipForm},
	"Cloud.Public":               {form: cloudForm},
	"Cloud.Zone":                 {form: cloudForm},
	"Cloud.KeyPair":              {form: cloudForm},
	"Cloud.Domain":               {form: domainForm},
	"Cloud.Tags":                 {keys: labelKeyForm},
	"InstanceVolume.Name":        {form: labelForm},
	"InstanceVolume.Type":        {form: cloudForm},
	"InstanceVolume.Filesystem":  {enum: []string{"ext4", "xfs"}, value: DefaultFilesystem},
	"InstanceVolume.Mount":       {form: mountForm},
	"InstanceVolume.Owner":       {form: ownerForm, value: DefaultOwner},
	"InstanceVolume.Mode":        {form: modeForm, value: DefaultMountMode},
	"LocalAccount.Name":          {form: userForm},
	"LocalAccount.Groups":        {form: userForm, unique: true},
	"LocalAccount.Keys":          {unique: true},
	"LocalAccount.Sudo":          {form: sudoForm, unique: true},
	"LocalAccount.Shell":         {form: pathForm, value: "/bin/bash"},
	"DirectoryAccount.System":    {form: labelForm},
	"DirectoryAccount.Name":      {form: userForm},
	"DirectoryAccount.Mail":      {form: mailForm},
	"DirectoryAccount.Groups":    {form: groupForm, unique: true},
	"DirectoryAccount.Keys":      {unique: true},
	"DatabaseUse.System":         {form: labelForm},
	"DatabaseUse.Name":           {form: databaseForm},
	"DatabaseUse.Role":           {form: roleForm},
	"DatabaseUse.Access":         {enum: []string{AccessReadOnly, AccessReadWrite, AccessOwner}, value: AccessReadOnly},
	"DatabaseUse.Password":       {form: secretForm},
	"DatabaseUse.OnDecommission": {enum: []string{DatabaseKeep, DatabaseArchive, DatabaseDrop}, value: DatabaseKeep},
	"DatabaseUse.Overlap":        {value: "15m"},
	"ConnectionFile.Path":        {form: pathForm},
	"ConnectionFile.Owner":       {form: ownerForm, value: DefaultOwner},
	"ConnectionFile.Mode":        {enum: []string{"0400", "0440", "0600", "0640"}, value: DefaultConnectionMode},

	"Fleet.APIVersion":           {constant: APIVersion},
	"Fleet.Kind":                 {constant: KindFleet},
	"FleetSpec.Count":            {low: 1, high: MaxMembers},
	"FleetSpec.Servers":          {some: true},
	"FleetSpec.ApprovalDeadline": {value: "72h"},
	"FleetServer.Name":           {form: labelForm},
	"FleetServer.Site":           {form: labelForm},
	"FleetServer.Values":         {keys: valueForm},
	"Rollout.MaxConcurrent":      {low: 1, high: MaxMembers, value: DefaultMaxConcurrent},
	"Rollout.PerSite":            {low: 1, high: MaxMembers},
	"Rollout.PerSystem":          {low: 1, high: MaxMembers},
	"Rollout.StopAfterFailures":  {low: 1, high: MaxMembers, value: DefaultStopAfterFailures},
	"Rollout.Busy":               {enum: []string{BusyWait, BusyRefuse}, value: BusyWait},
}

// alternatives are the types of which exactly one of two fields is given.
var alternatives = map[string][]*schema{
	"File":        {{Required: []string{"content"}}, {Required: []string{"secret"}}},
	"Network":     {{Required: []string{"address"}}, {Required: []string{"range"}}},
	"Application": {{Required: []string{"package"}}, {Required: []string{"archive"}}},
	"FleetSpec":   {{Required: []string{"count"}}, {Required: []string{"servers"}}},
}

// choices are the types of which at least one of two fields is given.
var choices = map[string][]*schema{
	"Limit": {{Required: []string{"changesPerHour"}}, {Required: []string{"targetsPerRun"}}},
}

func constrain(name string, value *schema) {
	rule, ok := constraints[name]
	if !ok {
		return
	}
	leaf := value
	if value.Items != nil {
		leaf = value.Items
		value.UniqueItems = rule.unique
		if rule.some {
			value.MinItems = 1
		}
	}
	if value.PropertyNames != nil {
		value.PropertyNames.Pattern, value.PropertyNames.Enum = rule.keys.pattern, rule.words
	}
	if rule.form.pattern != "" {
		leaf.Pattern = rule.form.pattern
	}
	if rule.high != 0 {
		leaf.Minimum, leaf.Maximum = &rule.low, &rule.high
	}
	if rule.empty {
		leaf.MinLength = 0
	}
	leaf.MaxLength = rule.longest
	value.Const, value.Enum, value.Default = rule.constant, rule.enum, rule.value
}
