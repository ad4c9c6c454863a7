//! Folders of media as they are in the field: links, holes, names of any bytes, files that change; and archives
//! that others wrote, some of them with bad intentions.

mod archive;
mod awkward;
mod backup;
mod hostile;
mod interruption;
mod many;
mod restore;
mod tools;
mod unusual;
mod world;
