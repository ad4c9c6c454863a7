# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_dbbackup_global_optspecs
    string join \n json q/quiet config= h/help V/version
end

function __fish_dbbackup_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_dbbackup_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_dbbackup_using_subcommand
    set -l cmd (__fish_dbbackup_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c dbbackup -n "__fish_dbbackup_needs_command" -l config -d 'Names and retention [default: $DBBACKUP_CONFIG, else ./dbbackup.toml, else $XDG_CONFIG_HOME/dbbackup/dbbackup.toml]' -r -F
complete -c dbbackup -n "__fish_dbbackup_needs_command" -l json -d 'Print one JSON object on stdout, and progress as JSON lines on stderr'
complete -c dbbackup -n "__fish_dbbackup_needs_command" -s q -l quiet -d 'Print errors only'
complete -c dbbackup -n "__fish_dbbackup_needs_command" -s h -l help -d 'Print help'
complete -c dbbackup -n "__fish_dbbackup_needs_command" -s V -l version -d 'Print version'
complete -c dbbackup -n "__fish_dbbackup_needs_command" -f -a "backup" -d 'Back up one or several databases into a store'
complete -c dbbackup -n "__fish_dbbackup_needs_command" -f -a "restore" -d 'Restore a backup into a database: all of it, or nothing'
complete -c dbbackup -n "__fish_dbbackup_needs_command" -f -a "media" -d 'Back up a folder of media files, or restore one'
complete -c dbbackup -n "__fish_dbbackup_needs_command" -f -a "list" -d 'List the whole backups of a store, oldest first'
complete -c dbbackup -n "__fish_dbbackup_needs_command" -f -a "verify" -d 'Read backups to their end and prove that they are whole'
complete -c dbbackup -n "__fish_dbbackup_needs_command" -f -a "prune" -d 'Delete old backups, exactly those that are meant'
complete -c dbbackup -n "__fish_dbbackup_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c dbbackup -n "__fish_dbbackup_needs_command" -f -a "features" -d 'Tell what this build can do'
complete -c dbbackup -n "__fish_dbbackup_needs_command" -f -a "sqlite-dump" -d 'Write a database\'s pages to standard output (the Django app\'s child)'
complete -c dbbackup -n "__fish_dbbackup_needs_command" -f -a "sqlite-load" -d 'Load a database\'s pages from standard input (the Django app\'s child)'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand backup" -l to -d 'Store: a folder, or a name in dbbackup.toml' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand backup" -l name -d 'Name of the database in the store [default: its key in dbbackup.toml, or the URL\'s last part]' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand backup" -l exclude -d 'Leave out the rows of this table; may be given several times' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand backup" -l schema -d 'Only this schema (PostgreSQL); may be given several times' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand backup" -l compress -d 'Compression: zstd (fast and small), gzip (opens everywhere) or none' -r -f -a "zstd\t'Fast and small'
gzip\t'For tools that know nothing else'
none\t'Not at all'"
complete -c dbbackup -n "__fish_dbbackup_using_subcommand backup" -l encrypt -d 'Encrypt for this OpenPGP key, by your gpg: openpgp:FINGERPRINT, or an address or name that means one key; may be given several times' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand backup" -s o -l output -d 'File name in the store; one that exists is an error [default: made from name, server and time]' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand backup" -l server -d 'This server\'s name [default: the host name]' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand backup" -l lock-timeout -d 'Seconds to wait for a lock that somebody holds' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand backup" -l tmp-dir -d 'Folder for a temporary copy, where one cannot be avoided [default: the system\'s]' -r -F
complete -c dbbackup -n "__fish_dbbackup_using_subcommand backup" -l config -d 'Names and retention [default: $DBBACKUP_CONFIG, else ./dbbackup.toml, else $XDG_CONFIG_HOME/dbbackup/dbbackup.toml]' -r -F
complete -c dbbackup -n "__fish_dbbackup_using_subcommand backup" -l json -d 'Print one JSON object on stdout, and progress as JSON lines on stderr'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand backup" -s q -l quiet -d 'Print errors only'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand backup" -s h -l help -d 'Print help'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand restore" -l from -d 'Store: a folder, or a name in dbbackup.toml' -r -f -a "(__fish_complete_directories)"
complete -c dbbackup -n "__fish_dbbackup_using_subcommand restore" -l name -d 'Take the newest backup of this name' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand restore" -l server -d 'Take only backups that this server made' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand restore" -l into -d 'Database to restore into; it never chooses the backup' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand restore" -l schema -d 'Only this schema (PostgreSQL); may be given several times' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand restore" -l passphrase-file -d 'File with the passphrase of the secret key, or of the backup [default: $DBBACKUP_PASSPHRASE; on a terminal it is asked for where one is needed]' -r -F
complete -c dbbackup -n "__fish_dbbackup_using_subcommand restore" -l lock-timeout -d 'Seconds to wait for a lock that somebody holds' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand restore" -l tmp-dir -d 'Folder for a temporary copy, where one cannot be avoided [default: the system\'s]' -r -F
complete -c dbbackup -n "__fish_dbbackup_using_subcommand restore" -l config -d 'Names and retention [default: $DBBACKUP_CONFIG, else ./dbbackup.toml, else $XDG_CONFIG_HOME/dbbackup/dbbackup.toml]' -r -F
complete -c dbbackup -n "__fish_dbbackup_using_subcommand restore" -s y -l yes -d 'Do not ask'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand restore" -l cascade -d 'With --schema: drop what stands in other schemas and depends on it'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand restore" -l no-drop -d 'Drop nothing: what is in the way is an error (PostgreSQL)'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand restore" -l terminate-connections -d 'End the sessions that hold a lock on what is replaced (PostgreSQL)'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand restore" -l accept-unproven -d 'Take SQL text without the dump program\'s last comment: it may have been cut (PostgreSQL, MySQL)'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand restore" -l exact -d 'Drop tables, views, routines and events that the backup does not know (MySQL)'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand restore" -l atomic-only -d 'Refuse where the user may not make a schema beside the database, instead of restoring in place (MySQL)'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand restore" -l no-safety-backup -d 'Do not back the database up before it is restored in place (MySQL)'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand restore" -l json -d 'Print one JSON object on stdout, and progress as JSON lines on stderr'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand restore" -s q -l quiet -d 'Print errors only'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand restore" -s h -l help -d 'Print help'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and not __fish_seen_subcommand_from backup restore" -l config -d 'Names and retention [default: $DBBACKUP_CONFIG, else ./dbbackup.toml, else $XDG_CONFIG_HOME/dbbackup/dbbackup.toml]' -r -F
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and not __fish_seen_subcommand_from backup restore" -l json -d 'Print one JSON object on stdout, and progress as JSON lines on stderr'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and not __fish_seen_subcommand_from backup restore" -s q -l quiet -d 'Print errors only'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and not __fish_seen_subcommand_from backup restore" -s h -l help -d 'Print help'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and not __fish_seen_subcommand_from backup restore" -f -a "backup" -d 'Back up a folder of files into a store'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and not __fish_seen_subcommand_from backup restore" -f -a "restore" -d 'Restore files of a backup into a folder: each whole, or as it was'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and __fish_seen_subcommand_from backup" -l to -d 'Store: a folder, or a name in dbbackup.toml' -r -f -a "(__fish_complete_directories)"
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and __fish_seen_subcommand_from backup" -l name -d 'Name of the media in the store [default: its key in dbbackup.toml, or the folder\'s own name]' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and __fish_seen_subcommand_from backup" -l exclude -d 'Leave out what matches, as a line of a .gitignore does; may be given several times' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and __fish_seen_subcommand_from backup" -l compress -d 'Compression: zstd (fast and small), gzip (opens everywhere) or none' -r -f -a "zstd\t'Fast and small'
gzip\t'For tools that know nothing else'
none\t'Not at all'"
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and __fish_seen_subcommand_from backup" -l encrypt -d 'Encrypt for this OpenPGP key, by your gpg: openpgp:FINGERPRINT, or an address or name that means one key; may be given several times' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and __fish_seen_subcommand_from backup" -s o -l output -d 'File name in the store; one that exists is an error [default: made from server and time]' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and __fish_seen_subcommand_from backup" -l server -d 'This server\'s name [default: the host name]' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and __fish_seen_subcommand_from backup" -l readers -d 'Small files that are read at once; more help where each takes its time, as over a network' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and __fish_seen_subcommand_from backup" -l config -d 'Names and retention [default: $DBBACKUP_CONFIG, else ./dbbackup.toml, else $XDG_CONFIG_HOME/dbbackup/dbbackup.toml]' -r -F
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and __fish_seen_subcommand_from backup" -l json -d 'Print one JSON object on stdout, and progress as JSON lines on stderr'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and __fish_seen_subcommand_from backup" -s q -l quiet -d 'Print errors only'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and __fish_seen_subcommand_from backup" -s h -l help -d 'Print help'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and __fish_seen_subcommand_from restore" -l from -d 'Store: a folder, or a name in dbbackup.toml' -r -f -a "(__fish_complete_directories)"
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and __fish_seen_subcommand_from restore" -l name -d 'Take the newest backup of this name' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and __fish_seen_subcommand_from restore" -l server -d 'Take only backups that this server made' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and __fish_seen_subcommand_from restore" -l into -d 'Folder to restore into, made if it is missing; or a name under [media] in dbbackup.toml' -r -f -a "(__fish_complete_directories)"
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and __fish_seen_subcommand_from restore" -l only -d 'Restore only this file or folder of the backup; may be given several times' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and __fish_seen_subcommand_from restore" -l passphrase-file -d 'File with the passphrase of the secret key, or of the backup [default: $DBBACKUP_PASSPHRASE; on a terminal it is asked for where one is needed]' -r -F
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and __fish_seen_subcommand_from restore" -l config -d 'Names and retention [default: $DBBACKUP_CONFIG, else ./dbbackup.toml, else $XDG_CONFIG_HOME/dbbackup/dbbackup.toml]' -r -F
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and __fish_seen_subcommand_from restore" -l replace -d 'Replace files that are there and differ; else they stay'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and __fish_seen_subcommand_from restore" -l dry-run -d 'Read the whole backup, say what would be new, replaced or kept, and change nothing'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and __fish_seen_subcommand_from restore" -s y -l yes -d 'Do not ask'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and __fish_seen_subcommand_from restore" -l json -d 'Print one JSON object on stdout, and progress as JSON lines on stderr'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and __fish_seen_subcommand_from restore" -s q -l quiet -d 'Print errors only'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand media; and __fish_seen_subcommand_from restore" -s h -l help -d 'Print help'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand list" -l name -d 'Only backups of this database' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand list" -l config -d 'Names and retention [default: $DBBACKUP_CONFIG, else ./dbbackup.toml, else $XDG_CONFIG_HOME/dbbackup/dbbackup.toml]' -r -F
complete -c dbbackup -n "__fish_dbbackup_using_subcommand list" -l all -d 'Safety backups too, which were made before a restore'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand list" -l json -d 'Print one JSON object on stdout, and progress as JSON lines on stderr'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand list" -s q -l quiet -d 'Print errors only'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand list" -s h -l help -d 'Print help'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand verify" -l scratch -d 'Server for the PostgreSQL or MySQL databases that --restore makes: a name in dbbackup.toml, or a URL such as postgresql://user@host/ [default: that of the backup\'s name in dbbackup.toml]' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand verify" -l tmp-dir -d 'Folder for the SQLite databases that --restore makes, with room for two of each [default: the system\'s]' -r -f -a "(__fish_complete_directories)"
complete -c dbbackup -n "__fish_dbbackup_using_subcommand verify" -l passphrase-file -d 'File with the passphrase of the secret key, or of the backup [default: $DBBACKUP_PASSPHRASE; on a terminal it is asked for where one is needed]' -r -F
complete -c dbbackup -n "__fish_dbbackup_using_subcommand verify" -l config -d 'Names and retention [default: $DBBACKUP_CONFIG, else ./dbbackup.toml, else $XDG_CONFIG_HOME/dbbackup/dbbackup.toml]' -r -F
complete -c dbbackup -n "__fish_dbbackup_using_subcommand verify" -l all -d 'Every backup of the store'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand verify" -l restore -d 'Restore each backup of a database into a new one, count its rows, and drop it'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand verify" -l json -d 'Print one JSON object on stdout, and progress as JSON lines on stderr'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand verify" -s q -l quiet -d 'Print errors only'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand verify" -s h -l help -d 'Print help'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand prune" -l keep-last -d 'Backups to keep of each database [default: keep_last under [retention] in dbbackup.toml]' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand prune" -l name -d 'Databases [default: those of dbbackup.toml, or the store\'s only one]' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand prune" -l server -d 'Only backups that this server made [default: this host]' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand prune" -l config -d 'Names and retention [default: $DBBACKUP_CONFIG, else ./dbbackup.toml, else $XDG_CONFIG_HOME/dbbackup/dbbackup.toml]' -r -F
complete -c dbbackup -n "__fish_dbbackup_using_subcommand prune" -l dry-run -d 'Say what would go and why; delete nothing'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand prune" -l json -d 'Print one JSON object on stdout, and progress as JSON lines on stderr'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand prune" -s q -l quiet -d 'Print errors only'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand prune" -s h -l help -d 'Print help'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand completions" -l config -d 'Names and retention [default: $DBBACKUP_CONFIG, else ./dbbackup.toml, else $XDG_CONFIG_HOME/dbbackup/dbbackup.toml]' -r -F
complete -c dbbackup -n "__fish_dbbackup_using_subcommand completions" -l json -d 'Print one JSON object on stdout, and progress as JSON lines on stderr'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand completions" -s q -l quiet -d 'Print errors only'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand completions" -s h -l help -d 'Print help'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand features" -l config -d 'Names and retention [default: $DBBACKUP_CONFIG, else ./dbbackup.toml, else $XDG_CONFIG_HOME/dbbackup/dbbackup.toml]' -r -F
complete -c dbbackup -n "__fish_dbbackup_using_subcommand features" -l json -d 'Print one JSON object on stdout, and progress as JSON lines on stderr'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand features" -s q -l quiet -d 'Print errors only'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand features" -s h -l help -d 'Print help'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand sqlite-dump" -l lock-timeout -d 'Seconds to wait for a lock that somebody holds' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand sqlite-dump" -l tmp-dir -d 'Folder for a temporary copy, where one cannot be avoided [default: the system\'s]' -r -F
complete -c dbbackup -n "__fish_dbbackup_using_subcommand sqlite-dump" -l exclude -d 'Leave out the rows of this table; may be given several times' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand sqlite-dump" -l config -d 'Names and retention [default: $DBBACKUP_CONFIG, else ./dbbackup.toml, else $XDG_CONFIG_HOME/dbbackup/dbbackup.toml]' -r -F
complete -c dbbackup -n "__fish_dbbackup_using_subcommand sqlite-dump" -l json -d 'Print one JSON object on stdout, and progress as JSON lines on stderr'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand sqlite-dump" -s q -l quiet -d 'Print errors only'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand sqlite-dump" -s h -l help -d 'Print help'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand sqlite-load" -l lock-timeout -d 'Seconds to wait for a lock that somebody holds' -r
complete -c dbbackup -n "__fish_dbbackup_using_subcommand sqlite-load" -l tmp-dir -d 'Folder for a temporary copy, where one cannot be avoided [default: the system\'s]' -r -F
complete -c dbbackup -n "__fish_dbbackup_using_subcommand sqlite-load" -l config -d 'Names and retention [default: $DBBACKUP_CONFIG, else ./dbbackup.toml, else $XDG_CONFIG_HOME/dbbackup/dbbackup.toml]' -r -F
complete -c dbbackup -n "__fish_dbbackup_using_subcommand sqlite-load" -l json -d 'Print one JSON object on stdout, and progress as JSON lines on stderr'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand sqlite-load" -s q -l quiet -d 'Print errors only'
complete -c dbbackup -n "__fish_dbbackup_using_subcommand sqlite-load" -s h -l help -d 'Print help'
