"""What a document says, from frozen rows to the values of its layout. Pure: no database, no clock."""
