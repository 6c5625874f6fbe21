# Configuration of the bed's Request Tracker. FERMATA_RT is the folder of this server, FERMATA_RT_HOST and
# FERMATA_RT_PORT where it listens.
Set($rtname, 'bed.example.net');
Set($Organization, 'bed.example.net');
Set($WebDomain, $ENV{FERMATA_RT_HOST});
Set($WebPort, $ENV{FERMATA_RT_PORT});
Set($WebPath, '');
Set($DatabaseType, 'SQLite');
Set($DatabaseName, "$ENV{FERMATA_RT}/tickets.sqlite");
Set($WebSessionClass, 'Apache::Session::File');
Set($LogToSyslog, '');
Set($LogToFile, '');
Set($LogToSTDERR, 'warning');
# A token is hashed at each request. RT's own cost of 12 makes that 220 ms of a CPU, thirty times the rest of a read.
Set($BcryptCost, 4);
# Mail goes into a file.
Set($MailCommand, sub {
    my ($mail) = @_;
    open(my $file, '>>', "$ENV{FERMATA_RT}/mail") or return 0;
    print $file $mail->as_string, "\n";
    return close $file;
});
# RT's own lifecycle but for one thing: what is resolved stays so.
Set(%Lifecycles, strict => {
    initial     => ['new'],
    active      => ['open', 'stalled'],
    inactive    => ['resolved', 'rejected', 'deleted'],
    defaults    => { on_create => 'new', approved => 'open', denied => 'rejected', reminder_on_open => 'open', reminder_on_resolve => 'resolved' },
    transitions => {
        ''       => ['new', 'open', 'resolved'],
        new      => ['open', 'stalled', 'resolved', 'rejected', 'deleted'],
        open     => ['new', 'stalled', 'resolved', 'rejected', 'deleted'],
        stalled  => ['new', 'open', 'resolved', 'rejected', 'deleted'],
        resolved => [],
        rejected => ['new', 'open', 'stalled', 'resolved', 'deleted'],
        deleted  => ['new', 'open', 'stalled', 'resolved', 'rejected'],
    },
    rights      => { '* -> deleted' => 'DeleteTicket', '* -> *' => 'ModifyTicket' },
    actions     => [],
});
# Caches and sessions belong to this server, not to the machine's.
$RT::VarPath = "$ENV{FERMATA_RT}/var";
$RT::MasonDataDir = "$ENV{FERMATA_RT}/mason";
$RT::MasonSessionDir = "$ENV{FERMATA_RT}/sessions";
1;
